"""Demonyms: words for where people are from."""

from __future__ import annotations

from typing import Final

__all__ = ["DEMONYMS"]

DEMONYMS: Final = frozenset(
    """Afghan African Albanian Algerian American Arab Argentine Armenian Asian Australian Austrian Azerbaijani
    Bangladeshi Belgian Bolivian Bosnian Brazilian British Bulgarian Burmese Cambodian Cameroonian Canadian Chilean
    Chinese Colombian Croatian Cuban Cypriot Czech Danish Dutch Ecuadorian Egyptian English Estonian Ethiopian
    European Fijian Filipino Finnish Flemish French Georgian German Ghanaian Greek Guatemalan Haitian Honduran
    Hungarian Icelandic Indian Indonesian Iranian Iraqi Irish Israeli Italian Jamaican Japanese Jordanian Kazakh
    Kenyan Korean Kurdish Kuwaiti Latvian Lebanese Libyan Lithuanian Macedonian Malaysian Maltese Mexican Moldovan
    Mongolian Montenegrin Moroccan Nepalese Nicaraguan Nigerian Norwegian Ottoman Pakistani Palestinian Panamanian
    Paraguayan Persian Peruvian Polish Portuguese Prussian Puerto Romanian Russian Rwandan Saudi Scottish Senegalese
    Serbian Singaporean Slovak Slovene Slovenian Somali Soviet Spanish Sudanese Swedish Swiss Syrian Taiwanese
    Tanzanian Thai Tibetan Tunisian Turkish Ugandan Ukrainian Uruguayan Uzbek Venezuelan Vietnamese Welsh Yemeni
    Zambian Zimbabwean""".split()
)
"""Capitalised like names, and hardly ever the name that is asked for."""
