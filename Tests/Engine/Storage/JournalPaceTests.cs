using OrleansLog.Engine.Storage;
using OrleansLog.Tests.Client.Fakes;
using Xunit;

namespace OrleansLog.Tests.Engine.Storage;

/// <summary>How much of a log goes into the commit journal, by how fast the disk takes it.</summary>
public sealed class JournalPaceTests
{
    private const int Round = 640 * 1024;
    private static readonly TimeSpan Fast = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Slow = TimeSpan.FromMilliseconds(5);
    private readonly ManualTime _time = new();
    private readonly JournalPace _pace;

    public JournalPaceTests() => _pace = new JournalPace(_time);

    [Fact]
    public void On_a_quick_disk_large_parts_go_in_though_it_is_slow_now_and_then()
    {
        for (var round = 0; round < 300; round++)
        {
            _pace.Note(Round, round % 3 == 0 ? Slow : Fast);
            Assert.Equal(JournalPace.LargeBytes, _pace.MaxBytesOfLog);
        }
    }

    [Fact]
    public void On_a_slow_disk_only_small_parts_go_in_and_large_ones_are_tried_again()
    {
        for (var round = 0; round < 6; round++)
        {
            Assert.Equal(JournalPace.LargeBytes, _pace.MaxBytesOfLog);
            _pace.Note(Round, Slow);
        }

        Assert.Equal(JournalPace.SmallBytes, _pace.MaxBytesOfLog);
        _time.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(JournalPace.SmallBytes, _pace.MaxBytesOfLog);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(JournalPace.LargeBytes, _pace.MaxBytesOfLog);
        _pace.Note(Round, Slow);
        Assert.Equal(JournalPace.SmallBytes, _pace.MaxBytesOfLog);
        // Rounds of many small parts tell as well.
        _time.Advance(TimeSpan.FromSeconds(1));
        _pace.Note(Round, Fast);
        Assert.Equal(JournalPace.LargeBytes, _pace.MaxBytesOfLog);
    }

    [Fact]
    public void Small_rounds_tell_nothing_of_how_fast_a_disk_is()
    {
        for (var round = 0; round < 100; round++) _pace.Note(64 * 1024, Slow);
        Assert.Equal(JournalPace.LargeBytes, _pace.MaxBytesOfLog);
    }
}
