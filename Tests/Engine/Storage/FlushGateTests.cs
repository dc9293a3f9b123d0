using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Engine.Storage;

/// <summary>On which thread those go on who waited for a flush.</summary>
public sealed class FlushGateTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private readonly FlushScheduler _scheduler = new(1, TimeProvider.System);
    private readonly ManualResetEventSlim _disk = new();
    private readonly FlushGate _gate;
    private int _flusher;

    public FlushGateTests() => _gate = new FlushGate(_scheduler, static () => 10, () =>
    {
        _flusher = Environment.CurrentManagedThreadId;
        return _disk.Wait(Limit);
    });

    public void Dispose()
    {
        _disk.Set();
        _scheduler.Dispose();
        _disk.Dispose();
    }

    [Fact]
    public async Task Whoever_may_goes_on_on_the_thread_that_flushed_and_others_do_not()
    {
        var there = GoOn(goesOnAnywhere: true);
        var elsewhere = GoOn(goesOnAnywhere: false);
        var another = GoOn(goesOnAnywhere: true);
        _disk.Set();
        var threads = await Task.WhenAll(there, elsewhere, another).WaitAsync(Limit);
        Assert.Equal(_flusher, threads[0]);
        Assert.NotEqual(_flusher, threads[1]);
        Assert.NotEqual(_flusher, threads[2]); // one at most, so that the next round is not held up by many
    }

    [Fact]
    public async Task When_the_next_round_is_due_nobody_goes_on_on_the_thread_that_runs_it()
    {
        var first = GoOn(goesOnAnywhere: true);
        while (Volatile.Read(ref _flusher) == 0) await Task.Delay(1);
        var next = _gate.WaitAsync(11, goesOnAnywhere: false, CancellationToken.None).AsTask();
        _disk.Set();
        var thread = await first.WaitAsync(Limit);
        Assert.NotEqual(_flusher, thread);
        await next.WaitAsync(Limit);
    }

    [Fact]
    public async Task Who_fails_them_is_not_held_up_by_what_they_do_then()
    {
        var waiter = GoOn(goesOnAnywhere: true);
        while (Volatile.Read(ref _flusher) == 0) await Task.Delay(1);
        var own = 0;
        var failing = new Thread(() =>
        {
            own = Environment.CurrentManagedThreadId;
            _gate.Fail(new OrleansLogException(ErrorCode.KafkaStorageError, "The disk is gone."));
        });
        failing.Start();
        failing.Join();
        var thread = await waiter.WaitAsync(Limit);
        Assert.NotEqual(own, thread);
    }

    [Fact]
    public async Task The_threads_can_be_ended_by_one_who_goes_on_on_one_of_them()
    {
        var ended = EndThereAsync();
        _disk.Set();
        await ended.WaitAsync(Limit);
    }

    private async Task EndThereAsync()
    {
        await _gate.WaitAsync(10, goesOnAnywhere: true, CancellationToken.None).ConfigureAwait(false);
        _scheduler.Dispose();
    }

    /// <summary>Waits, and answers on which thread it went on.</summary>
    private async Task<int> GoOn(bool goesOnAnywhere)
    {
        try
        {
            await _gate.WaitAsync(10, goesOnAnywhere, CancellationToken.None).ConfigureAwait(false);
        }
        catch (OrleansLogException)
        {
            // Where it goes on is what counts.
        }

        return Environment.CurrentManagedThreadId;
    }
}
