using Microsoft.Extensions.Logging;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>
/// Membership of a group as KIP-848 has it: heartbeats in a loop of its own, and the steps by which the partitions owned become
/// those assigned: first give up what is to go, say so, then take what has come. Heartbeats go on meanwhile.
/// </summary>
internal sealed class GroupMembership : IAsyncDisposable
{
    private const int EpochToJoin = 0, EpochToLeave = -1, EpochToLeaveForAWhile = -2;
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private readonly ConsumerCore _core;
    private readonly IConsumerGroupGrain _group;
    private readonly AsyncSignal _signal;
    private readonly CancellationTokenSource _leaving = new();
    private readonly Lock _gate = new();
    private readonly Task _loop;
    private IReadOnlyList<string>? _topics;
    private string? _pattern;
    private bool _subscriptionChanged = true;
    private HashSet<TopicPartition> _owned = [];
    private HashSet<TopicPartition>? _target;
    private bool _ownedChanged;
    private Task _reconciling = Task.CompletedTask;
    private int _generation;
    private long _heartbeats;
    private int _epoch;
    private TimeSpan _interval = TimeSpan.FromSeconds(1);

    public GroupMembership(ConsumerCore core, IReadOnlyList<string>? topics, string? pattern)
    {
        _core = core;
        _topics = topics;
        _pattern = pattern;
        _group = core.Context.Grains.GetConsumerGroup(core.Settings.GroupId!);
        _signal = new AsyncSignal(core.Context.Time);
        _loop = BackgroundTask.Run(RunAsync);
    }

    public string MemberId { get; } = Guid.NewGuid().ToString();

    /// <summary>As whom commits are made now.</summary>
    public GroupIdentity Identity => new(MemberId, Volatile.Read(ref _epoch), _core.Settings.GroupInstanceId);

    private ConsumerSettings Settings => _core.Settings;

    private TimeProvider Time => _core.Context.Time;

    public void Resubscribe(IReadOnlyList<string>? topics, string? pattern)
    {
        lock (_gate)
        {
            _topics = topics;
            _pattern = pattern;
            _subscriptionChanged = true;
        }

        _signal.Set();
    }

    /// <summary>Stops the heartbeats; nothing is assigned any more from then on.</summary>
    public async Task StopAsync()
    {
        await _leaving.CancelAsync().ConfigureAwait(false);
        _signal.Set();
        await _loop.ConfigureAwait(false);
        await Reconciling.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Leaves the group, after <see cref="StopAsync"/>; if the coordinator does not hear of it, the session runs out.</summary>
    public async Task LeaveAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _epoch) > 0)
        {
            var epoch = Settings.GroupInstanceId is null ? EpochToLeave : EpochToLeaveForAWhile;
            try
            {
                await _core.Context.AnswerTo(() => _group.Heartbeat(Request(epoch, null, null, null)))
                    .WaitAsync(Settings.RequestTimeout, Time, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                _core.Log.LogDebug(exception, "The coordinator of group {Group} was not told of the leave", Settings.GroupId);
            }

            Volatile.Write(ref _epoch, -1);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        _signal.Dispose();
        _leaving.Dispose();
    }

    private Task Reconciling
    {
        get
        {
            lock (_gate) return _reconciling;
        }
    }

    private async Task RunAsync()
    {
        var pause = Settings.RetryBackoff;
        while (!_leaving.IsCancellationRequested)
        {
            var wait = _interval;
            try
            {
                await BeatAsync().ConfigureAwait(false);
                wait = _interval;
                pause = Settings.RetryBackoff;
            }
            catch (OperationCanceledException) when (_leaving.IsCancellationRequested)
            {
                return;
            }
            catch (OrleansLogException exception) when (
                exception.Error is ErrorCode.UnknownMemberId or ErrorCode.FencedMemberEpoch)
            {
                Lose(exception);
                wait = TimeSpan.Zero;
            }
            catch (Exception exception) when (CallRetry.Classify(exception) != CallFailure.Fatal)
            {
                _core.Log.LogDebug(exception, "A heartbeat of group {Group} failed; trying again", Settings.GroupId);
                wait = pause;
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
            catch (Exception exception)
            {
                _core.Fail(exception);
                return;
            }

            if (wait > TimeSpan.Zero) await _signal.WaitAsync(wait).ConfigureAwait(false);
        }
    }

    private async Task BeatAsync()
    {
        GroupHeartbeatRequest request;
        bool subscribed;
        int generation;
        lock (_gate)
        {
            generation = _generation;
            var joining = _epoch == EpochToJoin;
            subscribed = joining || _subscriptionChanged;
            request = Request(
                _epoch,
                subscribed ? _topics ?? [] : null,
                subscribed ? _pattern ?? "" : null,
                joining || _ownedChanged ? [.. _owned] : null);
            _subscriptionChanged = _ownedChanged = false;
        }

        GroupHeartbeatResponse response;
        try
        {
            response = await _core.Context.AnswerTo(() => _group.Heartbeat(request))
                .WaitAsync(Settings.RequestTimeout, Time, _leaving.Token).ConfigureAwait(false);
        }
        catch
        {
            // It may not have arrived, or its answer did not: what had changed is said again, and so is what is owned.
            lock (_gate)
            {
                _subscriptionChanged |= subscribed;
                _ownedChanged = true;
            }

            throw;
        }

        lock (_gate)
        {
            if (generation != _generation) return;
            _interval = TimeSpan.FromMilliseconds(Math.Max(1, response.HeartbeatIntervalMs));
            Volatile.Write(ref _epoch, response.MemberEpoch);
            if (response.Assignment is not null)
            {
                _target = [.. response.Assignment];
                // It is repeated until the member has said that it owns just that.
                _ownedChanged |= _target.SetEquals(_owned);
            }

            if (_target is not null && _reconciling.IsCompleted && !_target.SetEquals(_owned))
                _reconciling = BackgroundTask.Run(() => ReconcileAsync(generation));
        }
    }

    private GroupHeartbeatRequest Request(
        int epoch, IReadOnlyList<string>? topics, string? pattern, IReadOnlyList<TopicPartition>? owned) => new(
        MemberId,
        epoch,
        Settings.GroupInstanceId,
        epoch == EpochToJoin ? Settings.RebalanceTimeoutMs : -1,
        topics,
        pattern,
        epoch == EpochToJoin ? Settings.Assignor : null,
        owned,
        _core.Context.Options.ClientId,
        Interlocked.Increment(ref _heartbeats));

    private async Task ReconcileAsync(int generation)
    {
        try
        {
            while (TryGetStep(generation, out var revoked, out var added))
            {
                if (revoked.Count > 0)
                {
                    await _core.Right.RunAsync(() => IfCurrent(generation, () => _core.RevokeAsync(revoked))).ConfigureAwait(false);
                    SetOwned(generation, owned => owned.ExceptWith(revoked));
                }

                if (added.Count > 0)
                {
                    // Named from now on: a heartbeat without them would be taken for giving them up while they are being added.
                    SetOwned(generation, owned => owned.UnionWith(added));
                    var offsets = await FetchOffsetsAsync(added).ConfigureAwait(false);
                    await _core.Right.RunAsync(() => IfCurrent(generation, () => _core.AddAsync(added, offsets))).ConfigureAwait(false);
                }
            }
        }
        catch (OperationCanceledException) when (_leaving.IsCancellationRequested)
        {
            // Leaving gives everything up.
        }
        catch (Exception exception)
        {
            _core.Fail(exception);
        }
    }

    private bool TryGetStep(int generation, out List<TopicPartition> revoked, out List<TopicPartition> added)
    {
        lock (_gate)
        {
            if (generation != _generation || _leaving.IsCancellationRequested || _target is null)
            {
                revoked = added = [];
                return false;
            }

            revoked = Ordered(_owned.Except(_target));
            added = Ordered(_target.Except(_owned));
            return revoked.Count + added.Count > 0;
        }
    }

    private async Task<Dictionary<TopicPartition, long>> FetchOffsetsAsync(List<TopicPartition> partitions)
    {
        while (true)
        {
            try
            {
                return await _core.Committer!.FetchAsync(partitions, _leaving.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (
                !_leaving.IsCancellationRequested && CallRetry.Classify(exception) != CallFailure.Fatal)
            {
                _core.Log.LogDebug(exception, "The offsets of group {Group} were not read; trying again", Settings.GroupId);
            }

            await Task.Delay(Settings.RetryBackoff, Time, _leaving.Token).ConfigureAwait(false);
        }
    }

    private ValueTask IfCurrent(int generation, Func<ValueTask> work)
    {
        lock (_gate)
        {
            if (generation != _generation || _leaving.IsCancellationRequested) return default;
        }

        return work();
    }

    private void SetOwned(int generation, Action<HashSet<TopicPartition>> change)
    {
        lock (_gate)
        {
            if (generation != _generation) return;
            change(_owned);
            _ownedChanged = true;
        }

        _signal.Set(); // the coordinator may be waiting to give them to somebody else
    }

    // The coordinator has given up on this member: nothing that it owned is its own any more. It joins again at once; what it is
    // given then comes after the loss, as the commands of the reading right keep their order.
    private void Lose(OrleansLogException reason)
    {
        List<TopicPartition> lost;
        lock (_gate)
        {
            _generation++;
            lost = Ordered(_owned);
            _owned = [];
            _target = null;
            Volatile.Write(ref _epoch, EpochToJoin);
            _subscriptionChanged = true;
            _reconciling = Task.WhenAll(_reconciling, _core.Right.RunAsync(_core.LoseAllAsync));
        }

        _core.Log.LogWarning(
            "Group {Group} no longer knows member {Member} ({Reason}); {Count} partitions are lost, joining again",
            Settings.GroupId, MemberId, reason.Error, lost.Count);
    }

    private static List<TopicPartition> Ordered(IEnumerable<TopicPartition> partitions) =>
        [.. partitions.OrderBy(static tp => tp.Topic, StringComparer.Ordinal).ThenBy(static tp => tp.Partition)];
}
