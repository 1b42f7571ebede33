"""互联互通互享互认 Sharing (2.4f): who reads credit information, for what, and who removed it."""
