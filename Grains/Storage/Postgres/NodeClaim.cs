using System.Net.Sockets;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using OrleansLog.Records;

namespace OrleansLog.Grains.Storage.Postgres;

/// <summary>
/// Holds this silo's node id, so that no other silo is the same node: by an advisory lock of a connection that is kept open,
/// which ends with the process, however it ends. While the database is away nobody can take the id, because nobody can start;
/// when it is back, the lock is taken again. A silo that finds its id in the hands of another one then stops. Thread-safe.
/// </summary>
internal sealed partial class NodeClaim(
    PostgresDatabase database, IHostApplicationLifetime host, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    // A process that was killed a moment ago: its connection ends any moment now.
    private static readonly TimeSpan TakePatience = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan TakePause = TimeSpan.FromMilliseconds(50);

    // Longer than the database needs to notice that a silent connection is none any more (see OpenAsync).
    private static readonly TimeSpan RetakePatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LastPause = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ProbeTimeout = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource<string> _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private NodeRow? _own;
    private NpgsqlConnection? _connection;
    private Task _loop = Task.CompletedTask;

    /// <summary>Completed, with what became of it, when another silo has the node id.</summary>
    public Task<string> Lost => _lost.Task;

    /// <summary>Takes the node id for this silo, and keeps it until disposal.</summary>
    /// <param name="clusterId">The cluster in which it is one.</param>
    /// <param name="nodeId">The id.</param>
    /// <param name="holder">Whose it is: equal holders are the same node, started again.</param>
    /// <param name="silo">Where this silo will be.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="OrleansLogException">InvalidConfig: another silo that runs has it.</exception>
    /// <exception cref="NpgsqlException">The database failed.</exception>
    public async Task TakeAsync(
        string clusterId, int nodeId, string holder, SiloAddress silo, CancellationToken cancellationToken)
    {
        _own = new NodeRow(clusterId, nodeId, holder, silo);
        var connection = await OpenAsync(cancellationToken);
        try
        {
            var start = time.GetTimestamp();
            bool locked;
            while (!(locked = await _own.TryLockAsync(connection, cancellationToken)) && time.GetElapsedTime(start) < TakePatience)
            {
                // Of the same directory on the same machine: the directory's own lock tells whether that one still runs.
                if ((await _own.ReadHolderAsync(connection, cancellationToken))?.Holder == holder) break;
                await Task.Delay(TakePause, time, cancellationToken);
            }

            await RefuseIfHeldAsync(connection, locked, cancellationToken);
            if (locked) await _own.WriteAsync(connection, cancellationToken);
            _connection = connection;
            _loop = Task.Run(() => KeepAsync(locked), CancellationToken.None);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Lets the node id go.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_stopping.IsCancellationRequested) await _stopping.CancelAsync();
        await _loop;
        if (Interlocked.Exchange(ref _connection, null) is { } connection) await connection.DisposeAsync();
    }

    private async Task RefuseIfHeldAsync(NpgsqlConnection connection, bool locked, CancellationToken cancellationToken)
    {
        if (await _own!.ReadHolderAsync(connection, cancellationToken) is not { } last || last.Holder == _own.Holder) return;
        // The lock may be free because the database has just restarted, and its holder has yet to take it again.
        if (locked && !await AnswersAsync(last.Silo, cancellationToken)) return;
        throw new OrleansLogException(
            ErrorCode.InvalidConfig,
            $"Node id {_own.NodeId} is that of the silo at {last.Silo.Endpoint} with data directory {last.Holder}, which runs; so the "
            + $"silo at {_own.Silo.Endpoint} with data directory {_own.Holder} cannot have it. Give one of them another "
            + $"{OrleansLogOptions.SectionName}:{nameof(OrleansLogOptions.NodeId)}, or leave it out to be given one.");
    }

    private async Task<bool> AnswersAsync(SiloAddress silo, CancellationToken cancellationToken)
    {
        if (silo.Endpoint.Equals(_own!.Silo.Endpoint)) return false;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(ProbeTimeout);
        try
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(silo.Endpoint, limit.Token);
            return true;
        }
        catch (Exception e) when (e is SocketException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false;
        }
    }

    /// <summary>Waits on the connection until it ends, and takes the id again with another one.</summary>
    private async Task KeepAsync(bool locked)
    {
        var since = time.GetTimestamp();
        var pause = FirstPause;
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                _connection ??= await OpenAsync(_stopping.Token);
                if (!locked) locked = await RetakeAsync(_connection);
                if (locked)
                {
                    pause = FirstPause;
                    await _connection.WaitAsync(_stopping.Token);
                }
                else if (time.GetElapsedTime(since) > RetakePatience && await HeldByAnotherAsync(_connection) is { } other)
                {
                    GiveUp(other);
                    return;
                }
                else
                {
                    await Task.Delay(pause, time, _stopping.Token);
                }
            }
            catch (Exception e) when (e is NpgsqlException or IOException or InvalidOperationException)
            {
                if (locked) LogDatabaseAway(database.Name, e.Message);
                locked = false;
                since = time.GetTimestamp();
                await CloseAsync();
                await PauseAsync(pause);
                pause = pause * 2 < LastPause ? pause * 2 : LastPause;
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task<bool> RetakeAsync(NpgsqlConnection connection)
    {
        if (!await _own!.TryLockAsync(connection, _stopping.Token)) return false;
        await _own.WriteAsync(connection, _stopping.Token);
        // Whoever reads the membership now must not take this silo for one that has been silent for long.
        await NodeRow.SayAliveAsync(connection, _own.Silo, null, _stopping.Token);
        LogTakenAgain(_own.NodeId, database.Name);
        return true;
    }

    private async Task<NodeHolder?> HeldByAnotherAsync(NpgsqlConnection connection) =>
        await _own!.ReadHolderAsync(connection, _stopping.Token) is { } last && !last.Silo.Equals(_own.Silo) ? last : null;

    private void GiveUp(NodeHolder other)
    {
        LogLost(_own!.NodeId, other.Silo.Endpoint.ToString(), other.Holder);
        _lost.TrySetResult(
            $"node id {_own.NodeId} was taken by the silo at {other.Silo.Endpoint} with data directory {other.Holder} "
            + "while the database was away");
        host.StopApplication();
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = await database.OpenLastingAsync(cancellationToken);
        try
        {
            // Twenty seconds after a machine is gone without a word, the database lets go of what it had locked.
            await using var command = new NpgsqlCommand(
                "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3", connection);
            await command.ExecuteNonQueryAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private async Task CloseAsync()
    {
        if (Interlocked.Exchange(ref _connection, null) is not { } connection) return;
        try
        {
            await connection.DisposeAsync();
        }
        catch (Exception e) when (e is NpgsqlException or IOException)
        {
            // It is broken, which is why it is closed.
        }
    }

    private async Task PauseAsync(TimeSpan pause)
    {
        try
        {
            await Task.Delay(pause, time, _stopping.Token);
        }
        catch (OperationCanceledException)
        {
            // The loop looks.
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The metadata store '{Name}' is away ({Reason}): what is led here goes on being served; elections and changes of topics wait.")]
    private partial void LogDatabaseAway(string name, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Node {NodeId} has the metadata store '{Name}' again.")]
    private partial void LogTakenAgain(int nodeId, string name);

    [LoggerMessage(Level = LogLevel.Critical, Message = "Node id {NodeId} was taken by the silo at {Endpoint} with data directory {Holder} while the database was away; this silo stops.")]
    private partial void LogLost(int nodeId, string endpoint, string holder);
}
