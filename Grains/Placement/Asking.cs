using OrleansLog.Records;

namespace OrleansLog.Grains.Placement;

/// <summary>
/// Waits for whoever knows something, for so long and no longer: it may be on a node that was just lost, or the connection that the
/// answer was on, and all who call the asking grain wait along.
/// </summary>
internal static class Asking
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    /// <summary>The answer.</summary>
    /// <param name="asking">The question that is under way.</param>
    /// <param name="what">What is asked for, as in "whoever knows ... did not answer".</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="OrleansLogException">LeaderNotAvailable: there was none in time.</exception>
    public static async Task<T> WithinAsync<T>(Task<T> asking, string what, TimeProvider time)
    {
        try
        {
            return await asking.WaitAsync(Patience, time);
        }
        catch (TimeoutException e)
        {
            // It may still fail, which nobody waits for any more.
            _ = asking.ContinueWith(
                static late => _ = late.Exception, CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            throw new OrleansLogException(
                ErrorCode.LeaderNotAvailable, $"Whoever knows {what} did not answer within {Patience.TotalSeconds} s.", e);
        }
    }
}
