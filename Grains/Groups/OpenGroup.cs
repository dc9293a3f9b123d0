using OrleansLog.Engine.Groups;
using OrleansLog.Engine.Groups.Classic;
using OrleansLog.Records;

namespace OrleansLog.Grains.Groups;

/// <summary>A group that is loaded: its coordinator and the log it writes to. They fail together.</summary>
internal sealed class OpenGroup(GroupCoordinator coordinator, GroupLog log, TopicPartition home, int leaderEpoch) : IAsyncDisposable
{
    /// <summary>The partition that it is kept in.</summary>
    public TopicPartition Home => home;

    /// <summary>The term of that partition's leader in which it was loaded.</summary>
    public int LeaderEpoch => leaderEpoch;

    /// <summary>What decides.</summary>
    public GroupCoordinator Coordinator { get; } = coordinator;

    /// <summary>What keeps.</summary>
    public GroupLog Log { get; } = log;

    /// <summary>Takes over the topics, if they are news.</summary>
    public void UpdateTopics(GroupTopics topics)
    {
        if (topics.Version <= Coordinator.TopicsVersion) return;
        Forward(Log.AppendAsync(Decide(coordinator => coordinator.UpdateTopics(topics)).Records));
    }

    /// <summary>
    /// Lets the coordinator decide something. A failure that is not a refusal may have left it anywhere: it is given up then.
    /// </summary>
    public GroupResult<T> Decide<T>(Func<GroupCoordinator, GroupResult<T>> decision)
    {
        Log.CheckReady();
        try
        {
            return decision(Coordinator);
        }
        catch (Exception e) when (e is not OrleansLogException)
        {
            Log.Abandon(e);
            throw;
        }
    }

    /// <summary>Writes what a call changed; returns its answer when that, and all before, is durable.</summary>
    public async Task<T> AnswerAsync<T>(GroupResult<T> result, bool forget = false)
    {
        await Log.AppendAsync(result.Records, forget);
        return result.Response;
    }

    /// <summary>Writes what a call changed, and waits for an answer that other members' calls give; it comes when what they changed
    /// is durable too.</summary>
    public async Task<T> AnswerAsync<T>(GroupResult<Pending<T>> result) where T : class
    {
        var given = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        result.Response.WhenGiven(given.SetResult);
        await Log.AppendAsync(result.Records);
        var response = await given.Task;
        // The call that gave it handed over its records within its own turn, so they are among those waited for here.
        await Log.AppendAsync([]);
        return response;
    }

    /// <summary>Ends when nothing is on its way to the log any more.</summary>
    public async ValueTask DisposeAsync()
    {
        Coordinator.Abandon(ErrorCode.NotCoordinator);
        await Log.WhenIdleAsync();
        Log.Dispose();
    }

    // A failure faults the log, and so comes to whoever calls next.
    private static void Forward(Task append) => append.ContinueWith(
        task => _ = task.Exception,
        CancellationToken.None,
        TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
        TaskScheduler.Default);
}
