"""What was written about one agent, told to people.

    a result folder ──> written ──> story ──> telling ──> characters
                        its lines    its parts   drawing, table, event_words
"""
