using System.Diagnostics;
using System.Globalization;
using Npgsql;
using OrleansLog.Tests.Processes;

namespace OrleansLog.Tests.Cluster.Postgres;

/// <summary>
/// A throwaway PostgreSQL server on a loopback port, in a directory of its own. It ends with this object, and with the process
/// of the tests, however that ends.
/// </summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private const string User = "orleanslog";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly Lazy<Task<PostgresServer>> SharedServer = new(() => StartNewAsync());
    private static int _databases;

    private readonly string _directory;
    private readonly string _address;
    private readonly int _port;
    private Process? _process;

    private PostgresServer(string directory, string address, int port)
    {
        _directory = directory;
        _address = address;
        _port = port;
    }

    /// <summary>The server that tests share which do not stop it; started with the first of them.</summary>
    public static Task<PostgresServer> SharedAsync() => SharedServer.Value;

    /// <summary>A server of its own, for a test that stops it.</summary>
    /// <param name="address">The address of this machine that it listens on.</param>
    /// <param name="network">From where it may be reached besides, such as 10.0.0.0/24.</param>
    public static async Task<PostgresServer> StartNewAsync(string address = "127.0.0.1", string? network = null)
    {
        var directory = Directory.CreateTempSubdirectory("orleanslog-postgres-").FullName;
        var server = new PostgresServer(directory, address, FreePorts.Next());
        AppDomain.CurrentDomain.ProcessExit += (_, _) => server.Remove();
        if (IsRoot) await RunAsync("chown", [ServerUser, directory]);
        await RunAsync(AsServerUser([Program("initdb"), "-D", server.Data, "-U", User, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]));
        if (network is not null)
            await File.AppendAllTextAsync(Path.Combine(server.Data, "pg_hba.conf"), $"host all all {network} trust\n");
        await server.StartAsync();
        return server;
    }

    /// <summary>Makes an empty database; returns its connection string.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"test{Interlocked.Increment(ref _databases)}");
        await using var connection = new NpgsqlConnection(ConnectionString("postgres") + ";Pooling=False");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand($"CREATE DATABASE {name}", connection);
        await command.ExecuteNonQueryAsync();
        return ConnectionString(name);
    }

    /// <summary>Starts it (again) unless it runs, and returns when it answers.</summary>
    public async Task StartAsync()
    {
        if (_process is not null) return;
        // It ends when its input does, which it does with this process.
        const string script = "\"$@\" & read -r _; kill -INT $!; wait $!";
        string[] server =
        [
            Program("postgres"), "-D", Data, "-p", string.Create(CultureInfo.InvariantCulture, $"{_port}"),
            "-c", "listen_addresses=" + _address, "-c", "unix_socket_directories=" + _directory, "-c", "fsync=off",
            "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=200",
        ];
        var start = StartInfo(AsServerUser(["/bin/sh", "-c", script, "sh", .. server]));
        start.RedirectStandardInput = true;
        _process = Process.Start(start)!;
        // Read, lest a full pipe stops it; what matters is told by whoever cannot connect.
        _ = ProcessPipe.ReadToEndAsync(_process.StandardError);
        _ = ProcessPipe.ReadToEndAsync(_process.StandardOutput);
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                await using var connection = new NpgsqlConnection(ConnectionString("postgres") + ";Pooling=False");
                await connection.OpenAsync();
                return;
            }
            catch (NpgsqlException) when (!_process.HasExited && Stopwatch.GetElapsedTime(began) < Limit)
            {
                await Task.Delay(50);
            }
        }
    }

    /// <summary>Stops it as an administrator does, cutting all connections.</summary>
    public async Task StopAsync()
    {
        if (_process is not { } process) return;
        _process = null;
        process.StandardInput.Close();
        await process.WaitForExitAsync().WaitAsync(Limit);
        process.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Remove();
    }

    private string Data => Path.Combine(_directory, "data");

    // Where a machine is root's alone, the server, which refuses to be root, runs as the user that its package made.
    private static bool IsRoot => !OperatingSystem.IsWindows() && Environment.UserName == "root";

    private static string ServerUser =>
        File.ReadLines("/etc/passwd").Any(static line => line.StartsWith("postgres:", StringComparison.Ordinal)) ? "postgres" : "nobody";

    private static string Program(string name) => Path.Combine(PostgresBinaries.Directory!, name);

    private static string[] AsServerUser(string[] command) =>
        IsRoot ? ["runuser", "-u", ServerUser, "--", .. command] : command;

    private string ConnectionString(string database) => string.Create(
        CultureInfo.InvariantCulture, $"Host={_address};Port={_port};Username={User};Database={database}");

    private void Remove()
    {
        try
        {
            _process?.StandardInput.Close();
            _process?.WaitForExit(TimeSpan.FromSeconds(5));
            Directory.Delete(_directory, recursive: true);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or UnauthorizedAccessException)
        {
            // It is in the directory for temporary files.
        }
    }

    private static Task RunAsync(string[] command) => RunAsync(command[0], command[1..]);

    private static async Task RunAsync(string program, string[] arguments)
    {
        using var process = Process.Start(StartInfo([program, .. arguments]))!;
        var (output, errors) = (ProcessPipe.ReadToEndAsync(process.StandardOutput), ProcessPipe.ReadToEndAsync(process.StandardError));
        await process.WaitForExitAsync().WaitAsync(Limit);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{program} ended with exit code {process.ExitCode}: {await errors}{await output}");
    }

    private static ProcessStartInfo StartInfo(string[] command) => new(command[0], command[1..])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        WorkingDirectory = Path.GetTempPath(),
    };
}
