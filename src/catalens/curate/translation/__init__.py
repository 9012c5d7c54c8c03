"""Names of categories in other languages: what is translated, the glossary, and what was answered before."""
