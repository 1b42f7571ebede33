"""信用修复与绿色通道 Credit repair (2.4e): ending the effect of a credit record, on application."""
