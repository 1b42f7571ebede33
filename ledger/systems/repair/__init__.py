"""信用修复与绿色通道 Credit repair (2.4e): what is recorded against a business ends."""
