using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>How a failed grain call is to be taken.</summary>
internal enum CallFailure
{
    /// <summary>It would fail again.</summary>
    Fatal,
    /// <summary>It was refused, surely without effect; it may succeed later.</summary>
    Refused,
    /// <summary>Nobody knows whether it had its effect; it may succeed later.</summary>
    Ambiguous,
}

/// <summary>Judges failures of grain calls and repeats calls that may be repeated.</summary>
internal static class CallRetry
{
    // A leader or coordinator that is gone has a successor within a fraction of a second.
    private const int QuickRetries = 10;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    /// <summary>How <paramref name="exception"/>, thrown by a grain call, is to be taken.</summary>
    public static CallFailure Classify(Exception exception) => exception switch
    {
        OrleansLogException { Error: ErrorCode.RequestTimedOut or ErrorCode.NetworkException or ErrorCode.NotEnoughReplicasAfterAppend }
            => CallFailure.Ambiguous,
        OrleansLogException known => known.IsRetriable ? CallFailure.Refused : CallFailure.Fatal,
        TimeoutException => CallFailure.Ambiguous,
        // Connection lost, silo gone, message rejected, gateway overloaded, activation moved, stored state changed meanwhile.
        OrleansException => CallFailure.Ambiguous,
        OperationCanceledException => CallFailure.Ambiguous,
        System.Net.Sockets.SocketException or IOException => CallFailure.Ambiguous,
        _ => CallFailure.Fatal,
    };

    /// <summary>
    /// Repeats an idempotent call until it succeeds, fails for good, or <paramref name="timeout"/> is over.
    /// </summary>
    /// <exception cref="OrleansLogException">What the grain said last, or RequestTimedOut.</exception>
    public static async Task<T> RunAsync<T>(
        ClientContext context, TimeSpan timeout, string what, Func<Task<T>> call, CancellationToken cancellationToken)
    {
        var time = context.Time;
        var start = time.GetTimestamp();
        var pause = FirstPause;
        for (var attempt = 1; ; attempt++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var left = timeout - time.GetElapsedTime(start);
            try
            {
                if (left <= TimeSpan.Zero) throw new TimeoutException();
                return await context.AnswerTo(call).WaitAsync(left, time, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                left = timeout - time.GetElapsedTime(start);
                var failure = Classify(exception);
                if (failure == CallFailure.Fatal) throw;
                // What the grain says is final for these here: a topic that is unknown to the catalog is unknown.
                if (exception is OrleansLogException { Error: ErrorCode.UnknownTopicOrPartition }) throw;
                if (left <= pause) throw GaveUp(what, timeout, exception);
            }

            await Task.Delay(pause, time, cancellationToken).ConfigureAwait(false);
            if (attempt >= QuickRetries) pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private static OrleansLogException GaveUp(string what, TimeSpan timeout, Exception last) => last as OrleansLogException
        ?? new OrleansLogException(
            ErrorCode.RequestTimedOut,
            $"{what} was not answered within {timeout.TotalMilliseconds:0} ms. The last attempt failed with: {last.Message}",
            last);
}
