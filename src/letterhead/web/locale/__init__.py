"""The texts of people's doors: what there is to translate, and the translations."""
