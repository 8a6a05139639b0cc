"""Which settings suit the heads: a search of their small space, kept as a study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import optuna

from stickers.training.heads import HeadConfig

Progress = Callable[[str], None]

_HIDDEN = (0, 16, 32)
"""Units between vector and logits: more would make the file of all heads too large."""


def search(
    worth: Callable[[HeadConfig], float],
    begin: HeadConfig,
    trials: int,
    path: Path,
    *,
    study: str = "heads",
    seed: int = 0,
    progress: Progress | None = None,
) -> HeadConfig:
    """The best settings of ``trials``; the first trial is ``begin`` itself.

    A study of that name that is already at ``path`` is gone on with: its trials count.

    Args:
        worth: what settings give on the validation faces, 0..1, larger is better.
        begin: the usual settings.
        trials: how many in all, at least 1.
        path: a SQLite file for the study, to look at with optuna's own tools.
        study: the name of the study in that file.
        seed: of the search.
        progress: told a line a trial.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = optuna.create_study(
        study_name=study,
        storage=f"sqlite:///{path.resolve()}",
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        load_if_exists=True,
    )
    if not kept.trials:
        kept.enqueue_trial(_numbers(begin))

    def tried(trial: optuna.Trial) -> float:
        value = worth(_settings(trial, begin))
        if progress is not None:
            progress(f"heads, trial {trial.number + 1} of {trials}: agreement {value:.4f}")
        return value

    done = len(kept.get_trials(states=(optuna.trial.TrialState.COMPLETE,)))
    kept.optimize(tried, n_trials=max(0, trials - done))
    return _settings(optuna.trial.FixedTrial(kept.best_params), begin)


def _numbers(config: HeadConfig) -> dict[str, object]:
    """The settings that are searched for, as optuna names them."""
    names = ("rate", "decay", "dropout", "hidden", "joint", "balance", "ordinal", "second")
    given = {name: value for name, value in asdict(config).items() if name in names}
    return given if config.hidden else {k: v for k, v in given.items() if k != "joint"}


def _settings(trial: optuna.trial.BaseTrial, begin: HeadConfig) -> HeadConfig:
    hidden = trial.suggest_categorical("hidden", _HIDDEN)
    return replace(
        begin,
        rate=trial.suggest_float("rate", 1e-4, 1e-2, log=True),
        decay=trial.suggest_float("decay", 1e-3, 0.5, log=True),
        dropout=trial.suggest_float("dropout", 0.0, 0.8),
        hidden=hidden,
        joint=bool(hidden) and trial.suggest_categorical("joint", (False, True)),
        balance=trial.suggest_float("balance", 0.0, 0.5),
        ordinal=trial.suggest_float("ordinal", 0.0, 2.0),
        second=trial.suggest_float("second", 0.0, 0.5),
    )
