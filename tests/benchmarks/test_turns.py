import pytest

from benchmarks import turns


@pytest.fixture
def taken(monkeypatch):
    """Take steps that last as long as told; return what is said of their speed."""

    def take(ours, bare):
        clock = [0.0]

        def step(_):
            clock[0] += bare.pop(0)

        monkeypatch.setattr(turns, "step_of", lambda config: step)
        monkeypatch.setattr(turns.bare, "batch_of", lambda config: {})
        monkeypatch.setattr(turns.time, "process_time", lambda: clock[0])
        both = turns.Turns({})
        for seconds in ours:
            clock[0] += seconds
            both.on_train_batch_end()
        return both.speed()

    return take


def test_the_steps_of_both_are_told_apart_and_the_first_ones_left_out(taken):
    speed = taken([99.0, *[2.0] * 20], [50.0, *[1.0] * 20])
    assert speed == turns.Speed(ratio=0.5, ours=2.0, bare=1.0)


def test_a_block_that_was_disturbed_does_not_count(taken):
    slow = [2.0] * 10 + [8.0] * 10 + [2.0] * 10
    assert taken([9.0, *slow], [9.0, *[1.0] * 30]) == turns.Speed(ratio=0.5, ours=2.0, bare=1.0)


def test_few_steps_are_one_block(taken):
    assert taken([9.0, 2.0, 4.0], [9.0, 1.0, 2.0]) == turns.Speed(ratio=0.5, ours=3.0, bare=1.5)
