"""From a log and a catalogue to a trained and measured recommender."""
