using OrleansLog.Engine.Storage;
using Xunit;

namespace OrleansLog.Tests.Engine.Files;

/// <summary>The shim that the crash tests rely on must itself forget what it should, and nothing else.</summary>
public sealed class FaultyFileSystemTests
{
    private readonly FaultyFileSystem _files = new();

    public FaultyFileSystemTests()
    {
        _files.CreateDirectory("/d");
        _files.FlushDirectory("/");
    }

    [Fact]
    public void Data_that_was_not_flushed_is_forgotten()
    {
        using (var file = _files.OpenFile("/d/a", FileOpenMode.OpenOrCreate))
        {
            file.Write(new byte[1000], 0);
            file.Flush();
            file.Write([1, 2, 3], 10);
            file.Write([4], 5000);
            _files.FlushDirectory("/d");
        }

        _files.Crash();
        Assert.Equal(new byte[1000], _files.ReadAllBytes("/d/a"));
    }

    [Fact]
    public void A_flushed_file_whose_directory_entry_was_not_flushed_is_forgotten()
    {
        using (var file = _files.OpenFile("/d/a", FileOpenMode.OpenOrCreate)) file.Flush();
        _files.Crash();
        Assert.False(_files.FileExists("/d/a"));
    }

    [Fact]
    public void A_rename_that_was_not_flushed_is_undone_as_one()
    {
        _files.WriteAllBytesDurably("/d/a", [1]);
        _files.WriteAllBytesDurably("/d/b", [2]);
        _files.Move("/d/a", "/d/b");
        Assert.Equal([1], _files.ReadAllBytes("/d/b"));
        _files.Crash();
        Assert.Equal([1], _files.ReadAllBytes("/d/a"));
        Assert.Equal([2], _files.ReadAllBytes("/d/b"));
    }

    [Fact]
    public void A_cut_that_was_not_flushed_is_undone()
    {
        _files.WriteAllBytesDurably("/d/a", [.. Enumerable.Repeat((byte)7, 3000)]);
        using (var file = _files.OpenFile("/d/a", FileOpenMode.Open)) file.SetLength(100);
        _files.Crash();
        Assert.Equal(Enumerable.Repeat((byte)7, 3000), _files.ReadAllBytes("/d/a"));
    }

    [Fact]
    public void A_killed_process_loses_nothing_it_had_written()
    {
        using (var file = _files.OpenFile("/d/a", FileOpenMode.OpenOrCreate)) file.Write([1, 2], 0);
        _files.Crash(CrashKind.KeepAll);
        Assert.Equal([1, 2], _files.ReadAllBytes("/d/a"));
    }

    [Fact]
    public void A_torn_write_keeps_some_sectors_and_loses_others()
    {
        _files.WriteAllBytesDurably("/d/a", new byte[100 * FaultyFileSystem.SectorBytes]);
        using (var file = _files.OpenFile("/d/a", FileOpenMode.Open))
            file.Write([.. Enumerable.Repeat((byte)1, 100 * FaultyFileSystem.SectorBytes)], 0);
        _files.Crash(CrashKind.Torn, seed: 5);
        var sectors = _files.ReadAllBytes("/d/a").Chunk(FaultyFileSystem.SectorBytes).ToArray();
        Assert.All(sectors, sector => Assert.Single(sector.Distinct()));
        Assert.InRange(sectors.Count(sector => sector[0] == 1), 20, 80);
    }

    [Fact]
    public void A_handle_from_before_the_crash_is_dead()
    {
        using var file = _files.OpenFile("/d/a", FileOpenMode.OpenOrCreate);
        _files.Crash(CrashKind.KeepAll);
        Assert.Throws<IOException>(() => file.Write([1], 0));
    }

    [Fact]
    public void Nothing_works_between_the_operation_that_crashed_and_the_restart()
    {
        _files.CrashAtOperation = _files.OperationCount + 2;
        var file = _files.OpenFile("/d/a", FileOpenMode.OpenOrCreate);
        Assert.Throws<SimulatedCrashException>(() => file.Write([1, 2], 0));
        Assert.Throws<SimulatedCrashException>(() => _files.FileExists("/d/a"));
        _files.Crash(CrashKind.KeepAll);
        Assert.Equal([1], _files.ReadAllBytes("/d/a"));
    }

    [Fact]
    public void An_injected_fault_strikes_once_and_where_it_should()
    {
        _files.Fail(FileOperation.Flush, FaultyFileSystem.InputOutputError, "/d/b", skip: 1);
        using var a = _files.OpenFile("/d/a", FileOpenMode.OpenOrCreate);
        using var b = _files.OpenFile("/d/b", FileOpenMode.OpenOrCreate);
        a.Flush();
        b.Flush();
        Assert.Throws<IOException>(b.Flush);
        b.Flush();
    }
}
