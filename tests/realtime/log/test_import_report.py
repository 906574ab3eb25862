from mmrec.realtime.log.import_report import ImportReport


def test_reports_of_parts_add_up():
    one = ImportReport(new=2, users=1, known=3, unknown=2, unknown_items=("a", "b"), late=1)
    two = ImportReport(new=5, users=2, forgotten=4, unknown=3, unknown_items=("b", "c", "d"))
    both = one + two
    assert (both.new, both.users, both.known, both.forgotten, both.unknown) == (7, 3, 3, 4, 5)
    assert (both.unknown_items, both.late) == (("a", "b", "c"), 1)


def test_all_that_was_left_out_is_said():
    assert str(ImportReport(1234, 7, 5, forgotten=3, unknown=2, unknown_items=("x",), late=1)) == (
        "1,234 events of 7 users imported; 5 known; 3 of forgotten users left out; 2 on items "
        "that are not in the catalogue left out, first ['x']; mmrec fit refuses a table with such "
        "events; 1 older than the last event of their user in the log, counted as simultaneous "
        "with it; mmrec learn passes imported events over unless --imported "
        "is given"
    )
    assert str(ImportReport(1, 1)).startswith("1 event of 1 user imported; 0 known")
    assert str(ImportReport(known=5)) == "0 events of 0 users imported; 5 known"
