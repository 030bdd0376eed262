"""The reference encapsulator: headers on, headers off, and from one encapsulation to another (docs/encapsulation.md)."""
