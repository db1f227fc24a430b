"""Tables (Arrow) and documents (pydantic) that the parts of WAIL hand to each other.

Each table has one Arrow schema, whose fields carry unit, shape and meaning as metadata and whose own metadata carries
the table's name and version. Each JSON document has one frozen pydantic model. Nothing is defined in both.
"""
