"""What a capture says about the policy of those who sent it; `derive` puts it together."""
