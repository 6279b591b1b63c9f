"""Hard constraints on whole sequences: finite automata over tokens, and drawing under them."""
