using System.Buffers.Binary;
using OrleansLog.Tests.Grains;
using Xunit;

namespace OrleansLog.Tests.Kafka;

/// <summary>Frames of real clients with bytes changed, cut off and put in: none may hurt anybody but its sender.</summary>
public sealed class FuzzTests
{
    private const int Rounds = 1500;

    [Fact]
    public async Task Changed_frames_end_at_most_their_own_connection()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        await using var silo = await KafkaSilo.StartAsync();
        var frames = RecordedFrames.All.ToArray();
        using var good = await silo.ConnectAsync();
        await good.MetadataAsync("t");
        KafkaPeer? peer = null;
        for (var round = 0; round < Rounds; round++)
        {
            peer ??= await silo.ConnectAsync();
            var frame = Mutate(frames[random.Next(frames.Length)].Bytes, random);
            var size = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(size, frame.Length);
            try
            {
                await peer.SendAsync(size);
                await peer.SendAsync(frame);
                if (round % 4 != 0) continue;
            }
            catch (System.Net.Sockets.SocketException)
            {
                // It was closed for the frame before.
            }

            peer.Dispose();
            peer = null;
        }

        peer?.Dispose();
        Assert.True((await good.ProduceAsync("t", Batches.Of("a"))).Error == ErrorCode.None, $"seed {seed}");
        var fetched = await good.FetchAsync([("t", 0)]);
        Assert.True(fetched[0].Error == ErrorCode.None, $"seed {seed}");
    }

    private static byte[] Mutate(byte[] frame, Random random)
    {
        byte[] changed = [.. frame];
        for (var i = random.Next(4); i >= 0; i--)
        {
            // The first bytes say which request it is, and are left alone mostly: otherwise nothing gets further than that.
            var at = random.Next(random.Next(8) == 0 ? 0 : Math.Min(8, changed.Length - 1), changed.Length);
            switch (random.Next(4))
            {
                case 0:
                    changed[at] = (byte)random.Next(256);
                    break;
                case 1:
                    changed[at] = random.Next(2) == 0 ? (byte)0x7f : (byte)0xff;
                    break;
                case 2 when at >= 8:
                    changed = changed[..at];
                    break;
                default:
                    changed = [.. changed[..at], (byte)random.Next(256), .. changed[at..]];
                    break;
            }
        }

        return changed;
    }
}
