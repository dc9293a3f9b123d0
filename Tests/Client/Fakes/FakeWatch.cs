using System.Collections.Concurrent;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Tests.Client.Fakes;

/// <summary>Answers who asks which nodes run when the test says so.</summary>
internal sealed class FakeWatch : IClusterWatchGrain
{
    private readonly BlockingCollection<(long Known, TaskCompletionSource<RunningNodes> Answer)> _questions = [];

    private int _quickQuestions;

    /// <summary>How many questions were put that want no waiting.</summary>
    public int QuickQuestions => Volatile.Read(ref _quickQuestions);

    /// <summary>The next question that waits, waited for.</summary>
    public (long Known, TaskCompletionSource<RunningNodes> Answer) TakeQuestion() =>
        _questions.TryTake(out var question, TimeSpan.FromSeconds(30)) ? question : throw new TimeoutException("Nobody asked.");

    public Task<RunningNodes> Watch(long knownVersion, int maxWaitMs)
    {
        if (maxWaitMs == 0)
        {
            Interlocked.Increment(ref _quickQuestions);
            return Task.FromResult(new RunningNodes(0, [], []));
        }

        var answer = new TaskCompletionSource<RunningNodes>(TaskCreationOptions.RunContinuationsAsynchronously);
        _questions.Add((knownVersion, answer));
        return answer.Task;
    }
}
