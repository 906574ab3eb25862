import logging

from mmrec.cli.messages import printed_log


def test_notes_and_warnings_are_printed_once_while_a_command_runs(capsys):
    log = logging.getLogger("mmrec.data.anything")
    level = logging.getLogger("mmrec").level
    for _ in range(2):
        with printed_log():
            log.info("%d ids are read as text", 2)
            log.warning("look")
            log.debug("no")
        log.info("no")
        assert capsys.readouterr().err == "2 ids are read as text\nlook\n"
    assert logging.getLogger("mmrec").level == level
    assert not logging.getLogger("mmrec").handlers
