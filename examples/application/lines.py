"""The two articles that a legacy order had room for, as lines of the new one."""


def lines(row):
    """Return one row for each article of an order."""
    articles = [(row["artnr1"], row["menge1"]), (row["artnr2"], row["menge2"])]
    return [
        {
            "order_id": row["order_id"],
            "position": position,
            "product_id": article,
            "quantity": quantity,
        }
        for position, (article, quantity) in enumerate(articles, start=1)
        if article is not None
    ]
