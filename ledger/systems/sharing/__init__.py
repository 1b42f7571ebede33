"""互联互通互享互认 Sharing (2.4f): subscribers of credit information, its removal and its use."""
