"""信用信息记录与公示 Credit recording and publicity (2.4a): what stands on record, and how long."""
