"""The pages of reports: templates, styles and scripts, and what is put into them."""
