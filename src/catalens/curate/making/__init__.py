"""How a catalog's folder is made: photos judged, parts sealed, tables joined, rows accounted for."""
