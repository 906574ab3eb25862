import pytest
from torch import nn

from mmrec.encoders.modes import evaluating


def fail_in(module):
    with evaluating(module):
        assert not any(part.training for part in module.modules())
        module.train()
        raise KeyError("stop")


def test_each_part_has_its_own_mode_again_also_after_an_error():
    module = nn.Sequential(nn.Sequential(nn.Dropout().eval(), nn.Dropout()), nn.Dropout())
    module[0].training = False
    modes = [part.training for part in module.modules()]
    with pytest.raises(KeyError, match="stop"):
        fail_in(module)
    assert [part.training for part in module.modules()] == modes
    assert modes == [True, False, False, True, True]
