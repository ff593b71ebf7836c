"""`lionrock stress` and `lionrock drill`: tables, JSON, one-line errors (9.9)."""

import json

import pytest
from typer.testing import CliRunner

from engine.cli.app import app
from engine.journal.json_lines import write_json_lines
from engine.schema import commands
from engine.schema import vocabulary as words
from engine.schema.bounds import NS_PER_SECOND
from engine.schema.collateral import CollateralAsset, Haircut
from engine.schema.contract import Config
from tests.rules.story import BUY, PERCENT, SELL, A, B, contract

NOW = 20_000 * 86_400 * NS_PER_SECOND
RATES = {"initial_ppb": 10 * PERCENT, "maintenance_ppb": 5 * PERCENT}


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def file(tmp_path):
    """A, with 1000, is long 10 at 1000 against B; Y has a mark and no position, Z has neither."""
    config = Config(
        contracts=(
            contract(1, **RATES, price_ticks_max=1_150), contract(2, **RATES), contract(3, **RATES)
        ),
        house_cash=500,
    )  # fmt: skip
    told: list[commands.AnyCommand] = [
        *(commands.OpenAccount(time_ns=NOW, account=a, owner=a, group=a) for a in (A, B)),
        *(commands.Deposit(time_ns=NOW, account=a, amount=c) for a, c in ((A, 1_000), (B, 2_000))),
        commands.PublishPrice(
            time_ns=NOW, source=1, contract=1, price_ticks=1_000, contract_2=2, price_ticks_2=50
        ),
        *(
            commands.PlaceOrder(
                time_ns=NOW, account=a, client_id=1, contract=1, side=s, lots=10, price_ticks=1_000
            )
            for a, s in ((B, SELL), (A, BUY))
        ),
    ]
    path = tmp_path / "day.jsonl"
    with path.open("wb") as stream:
        write_json_lines(stream, config, told)
    return path


def test_rule_9_9_stress_tells_every_scenario_and_who_pays(file):
    """All -20%: A lacks 1000. Up 20% is clamped at 1150: B keeps 500 of 575 to hold."""
    report = json.loads(run("stress", file, "--json").stdout)
    rows = {row["screening"]["scenario"]: row for row in report["scenarios"]}
    down = rows["all -20%"]
    assert down["screening"]["deficit"] == down["layers"]["found"] == 1_000
    assert down["layers"] == {
        "found": 1_000, "fund": 0, "given_up": 1_000, "house": 0, "haircut": 0,
        "shared": 0,
    }  # fmt: skip
    up = rows["all +20%"]["screening"]
    assert (up["clamped"], up["accounts_under"], up["deficit"]) == ([1], 1, 0)
    assert (report["house"], report["fund_equity"], report["fund_ratio_ppb"]) == (500, 0, 0)
    assert report["worst_deficit"] == 4_000  # -50%; without its margin A lacks 2000 at -20%
    assert rows["largest 2 default, all -20%"]["screening"]["deficit"] == 2_000
    assert report["digest"] == json.loads(run("replay", file, "--json").stdout)["digest"]


def test_rule_9_9_stress_prints_a_table(file):
    text = run("stress", file).stdout
    assert "gains cut" in text and "all +20%*" in text
    assert "* a price was clamped to the contract's range: " in text
    assert "fund equity 0: 0.00 of the worst; house layer 500" in text


def test_rule_9_9_a_drill_prints_each_layer(file):
    report = json.loads(run("drill", file, "--move", -200_000_000, "--json").stdout)
    assert report["layers"]["given_up"] == report["layers"]["found"] == 1_000
    assert report["broken"] == [] and report["lots_deleveraged"] == 10
    text = run("drill", file, "--move", 200_000_000, "--contract", 1).stdout
    assert "1,000 to 1,150 ticks (clamped to the listed range)" in text
    assert "layers: haircut" in text and "drill of day.jsonl: X1 +20%" in text
    other = json.loads(
        run("drill", file, "--move", -200_000_000, "--contract", 2, "--json").stdout
    )
    assert other["layers"]["found"] == 0 and other["moves"][0]["after_ticks"] == 40


def test_rule_9_9_a_drill_with_something_failing(file):
    options = ["--move", -100_000_000, "--json"]
    assert json.loads(run("drill", file, *options).stdout)["layers"]["found"] == 0
    defaulted = json.loads(run("drill", file, *options, "--defaults", 2).stdout)
    assert defaulted["layers"]["found"] == 1_000
    silent = json.loads(run("drill", file, *options, "--freeze", 1, "--no-orders").stdout)
    assert [move["contract"] for move in silent["moves"]] == [2]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["stress", "{tmp}/none"], "No such file or directory"),
        (["stress", "{tmp}/text"], "{tmp}/text: line 1: "),
        (["drill", "{tmp}/text", "--move", "1"], "{tmp}/text: line 1: "),
        (
            ["drill", "{file}", "--move", "1", "--contract", "4"],
            "{file}: contract: 4 is not in the configuration",
        ),
        (
            ["drill", "{file}", "--move", "1", "--freeze", "-1"],
            "{file}: contract: -1 is not in the configuration",
        ),
        (
            ["drill", "{file}", "--move", "1", "--contract", "3"],
            "{file}: contract: 3 is frozen or settled",
        ),
        (
            ["drill", "{file}", "--move", "1", "--freeze", "3"],
            "{file}: contract: 3 is frozen or settled",
        ),
        (
            ["drill", "{file}", "--move", "1", "--freeze", "1", "--contract", "1"],
            "{file}: contract: 1 can't both be frozen and move",
        ),
    ],
)
def test_faults_of_input_are_one_line_and_end_with_2(file, tmp_path, arguments, fault):
    (tmp_path / "text").write_text("hello\n")
    words = [word.format(tmp=tmp_path, file=file) for word in arguments]
    result = run(*words, code=2)
    assert result.stdout == "" and result.stderr.startswith("lionrock: ")
    assert fault.format(tmp=tmp_path, file=file) in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["drill", "x"], ["drill", "x", "--move", "-1000000001"], ["drill", "x", "--move", "1.5"]],
)
def test_wrong_options_end_with_2(arguments):
    assert "Usage" in run(*arguments, code=2).stderr


@pytest.fixture
def file_of_coins(tmp_path):
    """A, with 1000 coins that count for 400, is long 30 at 100 against B."""
    coin = CollateralAsset(
        symbol="BTC", kind=words.ASSET_COIN, stress_ppb=700_000_000,
        haircuts=(Haircut(floor_value=0, haircut_ppb=600_000_000),),
    )  # fmt: skip
    euro = CollateralAsset(
        symbol="EUR", kind=words.ASSET_FIAT, haircuts=(Haircut(floor_value=0, haircut_ppb=0),),
        par_ppb=10**9,
    )  # fmt: skip
    config = Config(contracts=(contract(1, **RATES),), collateral=(coin, euro), fund_cash=700)
    told: list[commands.AnyCommand] = [
        *(commands.OpenAccount(time_ns=NOW, account=a, owner=a, group=a) for a in (A, B)),
        commands.Deposit(time_ns=NOW, account=B, amount=2_000),
        commands.PublishCollateral(time_ns=NOW, asset=1, source=1, price_ppb=10**9),
        commands.DepositCollateral(time_ns=NOW, account=A, asset=1, quantity=1_000),
        commands.PublishPrice(time_ns=NOW, source=1, contract=1, price_ticks=100),
        *(
            commands.PlaceOrder(
                time_ns=NOW, account=a, client_id=1, contract=1, side=s, lots=30, price_ticks=100
            )
            for a, s in ((B, SELL), (A, BUY))
        ),
    ]
    path = tmp_path / "coins.jsonl"
    with path.open("wb") as stream:
        write_json_lines(stream, config, told)
    return path


def test_rule_9_9_assets_fall_in_stress_and_drills(file_of_coins):
    """Coins at 0.3 count for 120 of A's 150; 20% down, it has 300 less 600 when they are
    converted, and B gives up the 300: the fund takes no lots."""
    report = json.loads(run("stress", file_of_coins, "--json").stdout)
    rows = {row["screening"]["scenario"]: row for row in report["scenarios"]}
    assert rows["BTC falls"]["screening"]["accounts_under"] == 1
    down = rows["BTC falls, all -20%"]
    assert down["screening"]["deficit"] == down["layers"]["found"] == 300
    told = ("--move", -200_000_000, "--asset", 1, "--asset-move", -700_000_000)
    report = json.loads(run("drill", file_of_coins, *told, "--json").stdout)
    assert report["layers"]["found"] == report["layers"]["given_up"] == 300
    assert (report["conversions_paid"], report["broken"]) == (300, [])
    assert "price of BTC" in run("drill", file_of_coins, *told).stdout


@pytest.mark.parametrize("asset", [-1, 2, 3])
def test_rule_9_9_only_an_asset_with_a_price_can_fall(file_of_coins, asset):
    result = run("drill", file_of_coins, "--move", 0, "--asset", asset, code=2)
    assert f"asset: {asset} is not in the configuration, or unpriced" in result.output
