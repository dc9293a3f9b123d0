using System.Text;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Engine.Files;

public sealed class DataDirectoryTests : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("orleanslog-data-").FullName;
    private readonly PhysicalFileSystem _files = PhysicalFileSystem.Instance;

    public void Dispose() => Directory.Delete(_path, recursive: true);

    [Fact]
    public void A_new_directory_gets_an_identity_that_it_keeps()
    {
        DataDirectoryIdentity identity;
        using (var directory = DataDirectory.Open(_files, _path)) identity = directory.Identity;
        Assert.Equal(1, identity.NodeId);
        Assert.Equal(22, identity.ClusterId.Length);
        using var again = DataDirectory.Open(_files, _path);
        Assert.Equal(identity, again.Identity);
    }

    [Fact]
    public void A_new_directory_outlives_the_loss_of_all_that_was_not_synced()
    {
        var files = new FaultyFileSystem();
        DataDirectoryIdentity identity;
        using (var directory = DataDirectory.Open(files, "/new/data")) identity = directory.Identity;
        files.Crash();
        using var again = DataDirectory.Open(files, "/new/data");
        Assert.Equal(identity, again.Identity);
    }

    [Fact]
    public void A_second_user_is_refused_with_the_directory_and_the_holders_pid()
    {
        using var first = DataDirectory.Open(_files, _path);
        var refusal = Assert.Throws<OrleansLogException>(() => DataDirectory.Open(_files, _path));
        Assert.Equal(ErrorCode.KafkaStorageError, refusal.Error);
        Assert.Contains(_path, refusal.Message, StringComparison.Ordinal);
        if (!OperatingSystem.IsWindows()) Assert.Contains($"pid {Environment.ProcessId}", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_directory_is_free_again_once_its_user_has_gone()
    {
        DataDirectory.Open(_files, _path).Dispose();
        DataDirectory.Open(_files, _path).Dispose();
    }

    [Fact]
    public void The_directory_of_another_cluster_is_refused_naming_both()
    {
        DataDirectory.Open(_files, _path, "ours", 3).Dispose();
        var refusal = Assert.Throws<OrleansLogException>(() => DataDirectory.Open(_files, _path, "theirs", 3));
        Assert.Equal(ErrorCode.InvalidConfig, refusal.Error);
        Assert.Contains("'ours'", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("'theirs'", refusal.Message, StringComparison.Ordinal);
        // The refused opening must not keep the lock.
        DataDirectory.Open(_files, _path, "ours", 3).Dispose();
    }

    [Fact]
    public void The_directory_of_another_node_is_refused_naming_both()
    {
        DataDirectory.Open(_files, _path, "ours", 3).Dispose();
        var refusal = Assert.Throws<OrleansLogException>(() => DataDirectory.Open(_files, _path, nodeId: 4));
        Assert.Contains("'3'", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("'4'", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Kafkas_own_file_is_understood()
    {
        File.WriteAllText(
            Path.Combine(_path, "meta.properties"),
            "#\n#Sun Nov 22 06:00:00 UTC 2026\ncluster.id=MkU3OEVBNTcwNTJENDM2Qk\ndirectory.id=Zm9vYmFyYmF6cXV4MTIzNA\nnode.id=7\nversion=1\n");
        using var directory = DataDirectory.Open(_files, _path);
        Assert.Equal(new DataDirectoryIdentity("MkU3OEVBNTcwNTJENDM2Qk", 7), directory.Identity);
    }

    [Theory]
    [InlineData("version=1\nnode.id=7\n", "cluster.id is missing")]
    [InlineData("version=0\nnode.id=7\ncluster.id=x\n", "version is '0'")]
    [InlineData("version=1\nnode.id=-7\ncluster.id=x\n", "node.id is '-7'")]
    [InlineData("", "version is missing")]
    public void A_broken_identity_is_never_overwritten(string content, string problem)
    {
        File.WriteAllText(Path.Combine(_path, "meta.properties"), content);
        var refusal = Assert.Throws<OrleansLogException>(() => DataDirectory.Open(_files, _path));
        Assert.Contains(problem, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(content, File.ReadAllText(Path.Combine(_path, "meta.properties")));
    }

    [Fact]
    public void The_identity_survives_a_power_loss()
    {
        var files = new FaultyFileSystem();
        files.CreateDirectory("/data");
        files.FlushDirectory("/");
        var identity = DataDirectory.Open(files, "/data").Identity;
        files.Crash();
        Assert.Equal(identity, DataDirectory.Open(files, "/data").Identity);
    }

    [Fact]
    public void A_checkpoint_is_read_as_it_was_written_in_Kafkas_format()
    {
        var file = new OffsetCheckpointFile(_files, Path.Combine(_path, "checkpoint"));
        Assert.Empty(file.Read(out var problem));
        Assert.Null(problem);
        file.Write(new Dictionary<TopicPartition, long> { [new("a", 0)] = 17, [new("b-c", 3)] = long.MaxValue });
        Assert.Equal("0\n2\na 0 17\nb-c 3 9223372036854775807\n", File.ReadAllText(file.Path));
        var offsets = file.Read(out problem);
        Assert.Null(problem);
        Assert.Equal(17, offsets[new("a", 0)]);
        Assert.Equal(long.MaxValue, offsets[new("b-c", 3)]);
    }

    [Theory]
    [InlineData("1\n0\n", "line 1")]
    [InlineData("0\n", "line 2")]
    [InlineData("0\n2\na 0 1\n", "promises 2")]
    [InlineData("0\n1\na 0\n", "line 3")]
    [InlineData("0\n1\na 0 -1\n", "line 3")]
    [InlineData("0\n2\na 0 1\na 0 2\n", "repeats")]
    [InlineData("\0\0\0\0", "line 1")]
    public void Of_a_corrupt_checkpoint_nothing_is_believed(string content, string problemPart)
    {
        var file = new OffsetCheckpointFile(_files, Path.Combine(_path, "checkpoint"));
        File.WriteAllBytes(file.Path, Encoding.UTF8.GetBytes(content));
        Assert.Empty(file.Read(out var problem));
        Assert.Contains(problemPart, problem, StringComparison.Ordinal);
        Assert.Contains(file.Path, problem, StringComparison.Ordinal);
    }
}
