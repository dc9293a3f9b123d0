using OrleansLog.Engine.Storage;
using Xunit;

namespace OrleansLog.Tests.Engine.Files;

public sealed class PhysicalFileSystemTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("orleanslog-files-").FullName;
    private readonly PhysicalFileSystem _files = PhysicalFileSystem.Instance;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void What_is_written_and_flushed_is_read_back_at_its_position()
    {
        using var file = _files.OpenFile(At("a"), FileOpenMode.OpenOrCreate);
        file.Write([1, 2, 3], 5);
        file.Flush();
        _files.FlushDirectory(_directory);
        var buffer = new byte[10];
        Assert.Equal(6, file.Read(buffer, 2));
        Assert.Equal([0, 0, 0, 1, 2, 3], buffer[..6]);
        Assert.Equal(0, file.Read(buffer, 8));
        Assert.Equal(8, file.Length);
    }

    [Fact]
    public void Allocation_extends_with_zeros_and_never_shortens()
    {
        using var file = _files.OpenFile(At("a"), FileOpenMode.OpenOrCreate);
        file.Write([1], 0);
        file.Allocate(100_000);
        Assert.Equal(100_000, file.Length);
        file.Allocate(10);
        Assert.Equal(100_000, file.Length);
        file.SetLength(1);
        Assert.Equal([1], _files.ReadAllBytes(At("a")));
    }

    [Fact]
    public void A_durable_write_replaces_the_whole_file()
    {
        _files.WriteAllBytesDurably(At("a"), [1, 2, 3]);
        _files.WriteAllBytesDurably(At("a"), [4]);
        Assert.Equal([4], _files.ReadAllBytes(At("a")));
        Assert.Equal([At("a")], _files.ListFiles(_directory));
    }

    [Fact]
    public void A_full_disk_is_told_apart_from_other_failures()
    {
        if (!File.Exists("/dev/full")) return;
        using var full = _files.OpenFile("/dev/full", FileOpenMode.Open);
        var failure = Assert.ThrowsAny<IOException>(() => full.Write(new byte[10], 0));
        Assert.True(StorageFaults.IsDiskFull(failure));
        Assert.False(StorageFaults.IsDiskFull(Assert.Throws<FileNotFoundException>(() => _files.OpenFile(At("none"), FileOpenMode.Open))));
    }

    [Fact]
    public void A_locked_file_cannot_be_locked_again_until_it_is_let_go()
    {
        using (_files.OpenFile(At("lock"), FileOpenMode.Lock))
            Assert.ThrowsAny<IOException>(() => _files.OpenFile(At("lock"), FileOpenMode.Lock));
        using var again = _files.OpenFile(At("lock"), FileOpenMode.Lock);
    }

    [Fact]
    public void Syncing_a_missing_directory_names_it_and_the_errno()
    {
        if (OperatingSystem.IsWindows()) return;
        var failure = Assert.ThrowsAny<IOException>(() => _files.FlushDirectory(At("none")));
        Assert.Contains(At("none"), failure.Message, StringComparison.Ordinal);
        Assert.Equal(2, failure.HResult);
    }

    [Fact]
    public void There_is_room_where_there_is_a_disk_and_what_is_not_known_is_no_bound()
    {
        Assert.InRange(_files.AvailableBytes(_directory), 1, 1L << 60);
        Assert.Equal(long.MaxValue, _files.AvailableBytes(string.Empty));
    }

    private string At(string name) => Path.Combine(_directory, name);
}
