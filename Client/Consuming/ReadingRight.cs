namespace OrleansLog.Client;

/// <summary>
/// The right to touch the consumer's cursors, and the commands that wait for whoever has it.
/// <para>
/// The enumeration has the right from its start to its end and carries commands out between two records: so a seek, a pause or
/// a rebalance never meets a record half way, and a record that was handed out is processed before its partition is given up.
/// Without an enumeration, whoever posts a command takes the right and carries it out itself.
/// </para>
/// </summary>
internal sealed class ReadingRight(Action wakeReader) : IDisposable
{
    private readonly SemaphoreSlim _right = new(1, 1);
    private readonly Lock _gate = new();
    private readonly LinkedList<Command> _commands = new();
    private int _pending;

    /// <summary>Whether commands wait. Read for every record, so it is one plain load.</summary>
    public bool HasCommands => Volatile.Read(ref _pending) != 0;

    public Task AcquireAsync(CancellationToken cancellationToken) => _right.WaitAsync(cancellationToken);

    public Task<bool> TryAcquireAsync(TimeSpan timeout) => _right.WaitAsync(timeout);

    /// <summary>Gives the right back, after the commands that came meanwhile.</summary>
    public async ValueTask ReleaseAsync()
    {
        do
        {
            await CarryOutAsync().ConfigureAwait(false);
            _right.Release();
        }
        while (HasCommands && _right.Wait(0, CancellationToken.None));
    }

    /// <summary>Carries out what waits; to be called by who has the right. A command's failure is its poster's.</summary>
    public async ValueTask CarryOutAsync()
    {
        while (TryTake(out var command))
        {
            try
            {
                if (command.Immediate is not null) command.Immediate();
                else await command.Lengthy!().ConfigureAwait(false);
                command.TrySetResult();
            }
            catch (Exception exception)
            {
                command.TrySetException(exception);
            }
        }
    }

    /// <summary>
    /// Has something done that neither waits nor throws: at once when nobody has the right and nothing is ahead of it,
    /// otherwise by who has it.
    /// </summary>
    public void Post(Action work)
    {
        Add(new Command(work));
        while (HasCommands && _right.Wait(0, CancellationToken.None))
        {
            while (TryTake(out var next, synchronousOnly: true)) next.Immediate!();
            var blocked = HasCommands;
            _right.Release();
            if (blocked) break; // by one that waits; its poster takes the right itself
        }

        wakeReader();
    }

    /// <summary>Has something done by who has the right, or here as soon as nobody has it.</summary>
    public async Task RunAsync(Func<ValueTask> work)
    {
        var command = new Command(work);
        Add(command);
        wakeReader();
        using var done = new CancellationTokenSource();
        var right = _right.WaitAsync(done.Token);
        if (await Task.WhenAny(command.Task, right).ConfigureAwait(false) == right)
        {
            await right.ConfigureAwait(false);
            await ReleaseAsync().ConfigureAwait(false);
        }
        else
        {
            await done.CancelAsync().ConfigureAwait(false);
            await right.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (right.IsCompletedSuccessfully) await ReleaseAsync().ConfigureAwait(false);
        }

        await command.Task.ConfigureAwait(false);
    }

    public void Dispose() => _right.Dispose();

    private void Add(Command command)
    {
        lock (_gate)
        {
            _commands.AddLast(command);
            Volatile.Write(ref _pending, 1);
        }
    }

    private bool TryTake([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Command? command, bool synchronousOnly = false)
    {
        lock (_gate)
        {
            command = _commands.First?.Value;
            if (command is not null && (command.Immediate is not null || !synchronousOnly)) _commands.RemoveFirst();
            else command = null;
            Volatile.Write(ref _pending, _commands.Count > 0 ? 1 : 0);
            return command is not null;
        }
    }

    private sealed class Command : TaskCompletionSource
    {
        public Command(Action work) : base(TaskCreationOptions.RunContinuationsAsynchronously) => Immediate = work;

        public Command(Func<ValueTask> work) : base(TaskCreationOptions.RunContinuationsAsynchronously) => Lengthy = work;

        public Action? Immediate { get; }

        public Func<ValueTask>? Lengthy { get; }
    }
}
