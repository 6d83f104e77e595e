"""A result as a table for the terminal, its assumptions on top."""

from magellan_core.backtest.result import Result


def table(result: Result) -> str:
    """Assumptions, one line an account, warnings."""
    lines = [f"{result.strategy}  {result.first} to {result.last}"]
    lines += [f"  {name:<10} {value}" for name, value in result.options.items()]
    lines += [
        "",
        f"{'account':<10}{'bars':>9}{'trades':>8}{'won %':>8}{'costs':>11}{'return %':>10}",
    ]
    for account in result.accounts:
        won = sum(1 for trade in account.trades if trade.pnl > 0)
        share = f"{100 * won / len(account.trades):.1f}" if account.trades else "-"
        lines.append(
            f"{account.name:<10}{account.bars:>9}{len(account.trades):>8}{share:>8}"
            f"{account.costs:>11.2f}{account.final_pct:>10.2f}"
        )
    lines += [f"warning: {warning}" for warning in result.warnings]
    return "\n".join(lines) + "\n"
