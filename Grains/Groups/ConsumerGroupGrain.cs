using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.GrainDirectory;
using OrleansLog.Engine.Groups;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Placement;
using OrleansLog.Records;

namespace OrleansLog.Grains.Groups;

/// <summary>
/// A consumer group, as calls see it: loads it with the first call, hands requests to <see cref="GroupCoordinator"/> and answers
/// when <see cref="GroupLog"/> has what they changed. Calls interleave; each is decided within one turn, and what they change is
/// written in the order they were decided. When a write fails, the coordinator is given up and loaded anew from the log. It
/// coordinates only while its node leads the partition that the group is kept in, and within one term of that leader, so that no
/// two nodes speak for a group. One timer while the group has members, none otherwise.
/// </summary>
[GroupCoordinatorPlacement, GrainDirectory(NodeBoundDirectory.Name)]
internal sealed partial class ConsumerGroupGrain(
    GroupLoader loader,
    GroupTopicsCache topics,
    IOptions<GroupOptions> options,
    TimeProvider time,
    ILogger<ConsumerGroupGrain> logger) : Grain, IConsumerGroupGrain
{
    private static readonly TimeSpan TopicsPollInterval = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan UnknownTopicMaxAge = TimeSpan.FromSeconds(1);

    private Storage.Opened<OpenGroup> _opened = null!;
    private IGrainTimer? _timer;
    private long _timerDueAt;
    private long _expiredAt;

    private string GroupId => this.GetPrimaryKeyString();

    /// <inheritdoc/>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _opened = new(() => loader.LoadAsync(GroupId));
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        StopTimer();
        return _opened.CloseAsync().WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<GroupHeartbeatResponse> Heartbeat(GroupHeartbeatRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var open = await OpenAsync();
        // Who subscribes may have made the topic just now.
        if (request.SubscribedTopics is not null || request.SubscribedPattern is not null)
            open = await RefreshTopicsAsync(TimeSpan.Zero);
        var result = open.Decide(coordinator => coordinator.Heartbeat(request.ToEngine()));
        if (result.Records.Count > 0) SetTimer(open);
        return (await open.AnswerAsync(result)).ToMessage();
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<OffsetCommitResult>> CommitOffsets(OffsetCommitRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var open = await OpenAsync();
        var commit = request.ToEngine();
        if (!open.Coordinator.KnowsAll(commit.Offsets)) open = await RefreshTopicsAsync(UnknownTopicMaxAge);
        return (await open.AnswerAsync(open.Decide(coordinator => coordinator.CommitOffsets(commit)))).ToMessage(request);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<CommittedOffset>> FetchOffsets(
        IReadOnlyList<TopicPartition>? partitions, string? memberId = null, int memberEpoch = -1)
    {
        var open = await OpenAsync();
        if (!string.IsNullOrEmpty(memberId) && memberEpoch >= 0) open.Coordinator.CheckMember(memberId, memberEpoch);
        var offsets = open.Coordinator.FetchOffsets(partitions).ToMessage();
        await open.Log.AppendAsync([]); // what is told is durable
        return offsets;
    }

    /// <inheritdoc/>
    public async Task<GroupDescription> Describe()
    {
        var open = await OpenAsync();
        ExpireIfDue(open);
        var description = open.Coordinator.Describe().ToMessage();
        await open.Log.AppendAsync([]);
        return description;
    }

    /// <inheritdoc/>
    public async Task DeleteOffsets(IReadOnlyList<TopicPartition> partitions)
    {
        ArgumentNullException.ThrowIfNull(partitions);
        var open = await OpenAsync();
        await open.AnswerAsync(open.Decide(coordinator => coordinator.DeleteOffsets(partitions)));
    }

    /// <inheritdoc/>
    public async Task Delete()
    {
        var open = await OpenAsync();
        // One that is listed though it is not there is listed no more.
        if (!open.Coordinator.Exists) await open.Log.AppendAsync([], forget: true);
        await open.AnswerAsync(open.Decide(coordinator => coordinator.Delete()), forget: true);
    }

    /// <summary>The loaded group, loaded if need be; all who come while it is being loaded share the one attempt.</summary>
    private ValueTask<OpenGroup> OpenAsync() =>
        _opened.Current is { Log.IsFaulted: false } open && loader.IsCurrent(open) ? new(open) : new(OpenSlowlyAsync());

    private async Task<OpenGroup> OpenSlowlyAsync()
    {
        if (_opened.Current is { } failed)
        {
            LogGivenUp(GroupId, failed.Log.Fault?.Message ?? "the leader of its partition has changed");
            StopTimer();
            await _opened.CloseCurrentAsync();
        }

        try
        {
            var (open, isFirst) = await _opened.OpenAsync();
            if (isFirst)
            {
                Expire(open);
                SetTimer(open);
            }

            return open;
        }
        catch (Exception e)
        {
            if (e is OrleansLogException { Error: ErrorCode.NotCoordinator }) DeactivateOnIdle();
            throw;
        }
    }

    /// <summary>Makes sure that the group knows the topics as they were no longer than <paramref name="maxAge"/> ago; returns the
    /// loaded group, since it may have been loaded anew meanwhile.</summary>
    private async Task<OpenGroup> RefreshTopicsAsync(TimeSpan maxAge)
    {
        GroupTopics current;
        try
        {
            current = await topics.GetAsync(maxAge);
        }
        catch (Exception e)
        {
            throw new OrleansLogException(
                ErrorCode.CoordinatorNotAvailable, $"The topics cannot be looked up at present: {e.Message} Retry.", e);
        }

        var open = await OpenAsync();
        open.UpdateTopics(current);
        return open;
    }

    private void ExpireIfDue(OpenGroup open)
    {
        // A little less than the interval, so that one who asks at that interval does not come just too early.
        if (time.GetElapsedTime(_expiredAt) >= options.Value.ExpiryCheckInterval * 0.9) Expire(open);
    }

    private void Expire(OpenGroup open)
    {
        _expiredAt = time.GetTimestamp();
        var expired = open.Decide(coordinator => coordinator.ExpireOffsets());
        if (expired.Records.Count > 0) Watch(open.Log.AppendAsync(expired.Records, forget: expired.Response));
    }

    private void SetTimer(OpenGroup open)
    {
        if (open.Coordinator.UntilNextDeadline is not { } untilDeadline)
        {
            StopTimer();
            return;
        }

        var due = untilDeadline < TopicsPollInterval ? untilDeadline : TopicsPollInterval;
        due = due < TimeSpan.FromMilliseconds(1) ? TimeSpan.FromMilliseconds(1) : due;
        var dueAt = time.GetTimestamp() + (long)(due.TotalSeconds * time.TimestampFrequency);
        if (_timer is null)
        {
            _timer = this.RegisterGrainTimer(OnTimerAsync, new GrainTimerCreationOptions
            {
                DueTime = due,
                Period = Timeout.InfiniteTimeSpan,
                Interleave = true, // a busy group is never idle
                KeepAlive = true,
            });
        }
        else if (dueAt < _timerDueAt || _timerDueAt == 0)
        {
            _timer.Change(due, Timeout.InfiniteTimeSpan);
        }
        else
        {
            return;
        }

        _timerDueAt = dueAt;
    }

    private void StopTimer()
    {
        _timer?.Dispose();
        _timer = null;
        _timerDueAt = 0;
    }

    private async Task OnTimerAsync(CancellationToken cancellationToken)
    {
        _timerDueAt = 0;
        try
        {
            var open = await OpenAsync();
            var removed = await open.AnswerAsync(open.Decide(coordinator => coordinator.Tick()));
            if (removed.Count > 0) LogRemoved(GroupId, string.Join(", ", removed));
            if (open.Coordinator.MemberCount > 0) await RefreshTopicsAsync(TopicsPollInterval / 2);
            ExpireIfDue(open);
        }
        catch (Exception e)
        {
            LogTimerFailed(e, GroupId);
        }

        if (_opened.Current is { Log.IsFaulted: false } current) SetTimer(current);
        else StopTimer(); // the next call loads it again, and it starts anew then
    }

    private void Watch(Task append) => append.ContinueWith(
        task => LogExpiryFailed(GroupId, task.Exception!.InnerException!.Message),
        CancellationToken.None,
        TaskContinuationOptions.OnlyOnFaulted,
        TaskScheduler.Current);

    [LoggerMessage(Level = LogLevel.Information, Message = "Group '{GroupId}' removed members that were not heard of: {Members}.")]
    private partial void LogRemoved(string groupId, string members);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The coordinator of group '{GroupId}' is loaded anew: {Reason}")]
    private partial void LogGivenUp(string groupId, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Group '{GroupId}' could not tend to its members.")]
    private partial void LogTimerFailed(Exception exception, string groupId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Expired offsets of group '{GroupId}' could not be deleted: {Reason}")]
    private partial void LogExpiryFailed(string groupId, string reason);
}
