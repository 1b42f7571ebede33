"""Powers delegated to townships (赋权乡镇, 2.18): who may act under whose matter, until when."""
