"""Many ask while the log is written: nobody gets a wrong answer or an error."""

from benchmarks.log import bench_concurrency


def test_questions_are_right_while_the_log_is_written():
    """Whole runs in their order, all that were recorded or a word about it; nothing is lost."""
    result = bench_concurrency.measure(seconds=3, readers=3, rate=1000)

    assert [text for one in result.answers for text in one.wrong] == []
    assert [text for one in result.answers for text in one.errors] == []
    assert result.in_log == result.recorded
    assert all(one.times_s for one in result.answers)
    assert result.recorded > 1
