"""Cards: what is known of each option, as data; `regbench show` prints them `regbench docs` makes a site of them."""
