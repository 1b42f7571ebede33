"""Powers delegated to townships (赋权乡镇, 2.18): acting under the matters of other units."""
