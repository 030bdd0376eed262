"""The reference encapsulator: headers on, headers off, one encapsulation to another (docs/encapsulation.md)."""
