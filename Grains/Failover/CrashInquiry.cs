namespace OrleansLog.Grains.Failover;

/// <summary>
/// Finds out whether a silo crashed whose connection broke: its port is refused, and other nodes see the same at that time. A
/// process that was killed takes a while to end (its memory is given back first), and some of its connections break before its
/// port closes: so what speaks against a crash is looked at again, soon at first, then less often. After that it is left to
/// Orleans' probes, or to the next connection that breaks.
/// </summary>
internal sealed class CrashInquiry(
    Func<bool> isMember, Func<Task<bool>> isRefused, Func<Task<bool>> isSeenByOthers, TimeProvider time)
{
    // 1.3 s in all, and what the looks and declarations themselves take.
    private static readonly int[] s_pausesMs = [20, 40, 80, 160, 320, 640];
    private const int MembershipPauseMs = 10;
    private const int MembershipLooks = 30;

    /// <summary>
    /// Looks until <paramref name="declare"/> has declared the silo dead, or it is no longer a member, or all looks are
    /// used up. Answers whether it was declared dead. Orleans only takes note of that at first, and drops it when another change of the
    /// membership comes in between: so it is seen to have come about, or done again.
    /// </summary>
    public async Task<bool> RunAsync(Func<Task<bool>> declare, CancellationToken cancellationToken)
    {
        var isDeclared = false;
        for (var look = 0; look <= s_pausesMs.Length; look++)
        {
            if (look > 0) await Task.Delay(TimeSpan.FromMilliseconds(s_pausesMs[look - 1]), time, cancellationToken);
            if (!isMember()) return isDeclared;
            // Both at a time: what they say is of the same moment.
            var asked = isSeenByOthers();
            if (!(await isRefused() & await asked && await declare())) continue;
            isDeclared = true;
            if (await IsGoneSoonAsync(cancellationToken)) return true;
        }

        return false;
    }

    private async Task<bool> IsGoneSoonAsync(CancellationToken cancellationToken)
    {
        for (var look = 0; isMember(); look++)
        {
            if (look == MembershipLooks) return false;
            await Task.Delay(TimeSpan.FromMilliseconds(MembershipPauseMs), time, cancellationToken);
        }

        return true;
    }
}
