"""L0, the arena: every record declared once, the accessors, pools, bit intrinsics."""
