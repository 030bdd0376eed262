"""From the state of accounting to the tables that users see, and the filters over them."""
