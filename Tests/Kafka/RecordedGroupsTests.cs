using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using OrleansLog.Kafka.Protocol;
using Xunit;

namespace OrleansLog.Tests.Kafka;

/// <summary>
/// The life of a group's only member as real clients lived it: their requests (<c>Frames/groups.txt</c>), with the member id and the
/// generation of now in place of those of then.
/// </summary>
public sealed class RecordedGroupsTests
{
    private static readonly string[] Topics = ["kc", "kp", "cf", "co", "js"];

    [Fact]
    public async Task Each_client_s_member_joins_commits_and_leaves()
    {
        await using var silo = await KafkaSilo.StartAsync();
        foreach (var topic in Topics) await silo.Cluster.CreateTopicAsync(topic, partitions: 4);
        var lives = File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Kafka", "Frames", "groups.txt"))
            .Select(static line => line.Split(' ')).GroupBy(static parts => parts[0]).ToArray();
        Assert.Equal(5, lives.Length);
        // Together, since the first member of each group waits for others a while.
        await Task.WhenAll(lives.Select(life => LiveAsync(silo, life.Key, [.. life])));
    }

    private static async Task LiveAsync(KafkaSilo silo, string client, string[][] requests)
    {
        using var peer = await silo.ConnectAsync();
        var (member, generation) = (string.Empty, -1);
        foreach (var request in requests)
        {
            var key = (ApiKey)short.Parse(request[1], CultureInfo.InvariantCulture);
            var version = short.Parse(request[2], CultureInfo.InvariantCulture);
            var frame = Convert.FromHexString(request[3]
                .Replace("{member}", Hex(member), StringComparison.Ordinal)
                .Replace("{generation}", generation.ToString("x8", CultureInfo.InvariantCulture), StringComparison.Ordinal));
            var response = new KafkaResponse(await peer.ReplayAsync(frame), isFlexible: version >= FirstFlexible(key), hasTaggedHeader: version >= FirstFlexible(key));
            var error = ErrorCode.None;
            switch (key)
            {
                case ApiKey.JoinGroup:
                    if (version >= 2) response.Int32();
                    error = response.Error();
                    generation = response.Int32();
                    Assert.Equal(error == ErrorCode.None, response.Text() is { Length: > 0 });
                    response.Text();
                    member = response.Text()!;
                    // From version 4 on a member without an id is given one first.
                    if (version >= 4 && !request[3].Contains("{member}", StringComparison.Ordinal))
                    {
                        Assert.Equal((ErrorCode.MemberIdRequired, -1), (error, generation));
                        error = ErrorCode.None;
                    }

                    break;
                case ApiKey.SyncGroup:
                    if (version >= 1) response.Int32();
                    error = response.Error();
                    Assert.NotEmpty(response.Bytes()!);
                    break;
                case ApiKey.OffsetCommit:
                    if (version >= 3) response.Int32();
                    Assert.Equal(1, response.ArrayLength());
                    response.Text();
                    for (var left = response.ArrayLength(); left > 0; left--)
                    {
                        response.Int32();
                        Assert.Equal(ErrorCode.None, response.Error());
                    }

                    Assert.True(response.IsAtEnd);
                    break;
                case ApiKey.Heartbeat or ApiKey.LeaveGroup:
                    if (version >= 1) response.Int32();
                    error = response.Error();
                    break;
                case ApiKey.OffsetFetch:
                    if (version >= 3) response.Int32();
                    Assert.Equal(1, response.ArrayLength());
                    Assert.Contains(response.Text(), Topics);
                    break;
                default:
                    Assert.Fail($"{client}: {key} is not a request of this test.");
                    break;
            }

            Assert.True(error == ErrorCode.None, $"{client}: {key} (version {version}) was answered with {error}.");
        }

        Assert.Equal(ApiKey.LeaveGroup, (ApiKey)short.Parse(requests[^1][1], CultureInfo.InvariantCulture));
        Assert.True(generation > 0, client);
    }

    private static int FirstFlexible(ApiKey key) => key == ApiKey.OffsetFetch ? 6 : key == ApiKey.OffsetCommit ? 8 : int.MaxValue;

    private static string Hex(string text)
    {
        var bytes = new byte[2 + text.Length];
        BinaryPrimitives.WriteInt16BigEndian(bytes, (short)text.Length);
        Encoding.ASCII.GetBytes(text, bytes.AsSpan(2));
        return Convert.ToHexString(bytes);
    }
}
