"""Names as they are written by different people, in different scripts: what the rules of likeness were made with."""

from __future__ import annotations

import random
from datetime import date, timedelta

from bench.people import Person

SPELLINGS = (
    "Mohammed Muhammad Mohamed Mohammad Muhamad محمد Мухаммед", "Ahmed Ahmad Achmed Akhmed أحمد Ахмед",
    "Yusuf Youssef Yousef Joesoef Yousif يوسف Юсуф", "Ali Aly Alie علي Али", "Hassan Hasan Hassane حسن Хасан",
    "Hussein Husain Hossein Houssein حسين Гусейн", "Ibrahim Ebrahim Ibraheem Brahim إبراهيم Ибрагим",
    "Fatima Fatma Fatima Fatimah فاطمة Фатима", "Aisha Ayesha Aicha Aischa عائشة Айша",
    "Khadija Hadija Khadidja خديجة", "Mustafa Moustafa Mostafa Mustapha مصطفى Мустафа",
    "Abdullah Abdallah Abdoullah عبدالله Абдулла", "Omar Omer Umar Oumar عمر Омар",
    "Osman Usman Othman Ousmane Osmane عثمان", "Karim Kareem Kerim كريم Карим",
    "Khalid Khaled Chalid Halid خالد Халид", "Walid Waleed Oualid وليد", "Said Saeed Sayed سعيد Саид",
    "Rahman Rahmane Rachman رحمن Рахман", "Sharif Cherif Scherif Sjarif شريف Шариф",
    "Bashir Bachir Basjier بشير Башир", "Tesfaye Tesfay Tesfaje ተስፋዬ", "Gebre Ghebre Gebreh ገብረ",
    "Haile Hayle Haileh ኃይለ", "Selassie Selasie Selase ሥላሴ", "Mariam Maryam Meryem Mariyam مريم Марьям",
    "Tadesse Tadese Taddese ታደሰ", "Bekele Beqele Bekkele በቀለ", "Ivanov Iwanow Ivanoff Иванов",
    "Petrov Petroff Petrow Петров", "Sergey Sergei Serghei Serguei Сергей",
    "Aleksandr Alexander Alexandr Александр", "Dmitri Dmitry Dimitri Dmitrij Дмитрий",
    "Natalia Nataliya Natalja Наталья", "Oksana Oxana Oksanna Оксана",
    "Shevchenko Sjevtsjenko Schewtschenko Chevtchenko Шевченко", "Kovalenko Kowalenko Kovalenco Коваленко",
    "Zhukov Joukov Zjoekov Schukow Жуков", "Yilmaz Jilmaz Yılmaz Ilmaz", "Ozturk Öztürk Oezturk Ozturk",
    "Celik Çelik Chelik", "Sahin Şahin Shahin Schahin", "Kaya Kaja Caya", "Demir Demir Demirr",
    "Okonkwo Okonkwoh Oconkwo", "Adebayo Adebajo Adebayoh", "Chukwu Tsjoekwoe Chukwoe Chukwu",
    "Diallo Jallo Jalloh Dialo", "Traore Traoré Trawore", "Keita Keïta Keyta", "Silva Sylva Silwa",
    "Gonzalez Gonzales Gonsalez", "Rodriguez Rodrigues", "Nguyen Nguyễn Ngyuen", "Tran Trần Trann",
    "Singh Sing Singhh", "Sharma Sjarma Charma शर्मा", "Khan Kahn خان Хан", "Rezaei Rezai Rezaee رضایی",
    "Ahmadi Achmadi Akhmadi احمدی", "Hosseini Husseini Hoseini حسینی", "Karimi Kareemi کریمی",
)  # fmt: skip
"""One name each, by its spellings."""


def city(records: int, seed: int) -> list[Person]:
    """So many records; a fifth of all people have two."""
    chance = random.Random(seed)
    found: list[Person] = []
    while len(found) < records:
        names = [chance.choice(SPELLINGS).split() for _ in range(chance.choice((2, 2, 3)))]
        born = date(1950, 1, 1) + timedelta(days=chance.randrange(20_000))
        born = date(born.year, 1, 1) if chance.random() < 0.1 else born
        who = len(found)
        found.append(Person(who, " ".join(chance.choice(name) for name in names), born))
        if chance.random() < 0.2:
            chance.shuffle(names)
            text = " ".join(chance.choice(name) for name in names)
            if chance.random() < 0.4:
                at = chance.randrange(1, len(text) - 1)
                text = text[:at] + text[at + 1 :]
            draw = chance.random()
            if draw < 0.07 and born.day <= 12:
                born = date(born.year, born.day, born.month)
            elif draw < 0.12:
                born = born.replace(day=chance.randint(1, 28))
            found.append(Person(who, text, born))
    return found[:records]
