using Microsoft.Extensions.Options;
using OrleansLog.Engine.Groups;

namespace OrleansLog.Grains.Groups;

/// <summary>Checks the settings of groups when the silo starts: every fault at once, each with the setting, its value and the
/// fix.</summary>
internal sealed class GroupOptionsValidator : IValidateOptions<GroupOptions>
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, GroupOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var faults = new List<string>();
        var day = TimeSpan.FromDays(1);
        Check(faults, nameof(options.HeartbeatInterval), options.HeartbeatInterval, TimeSpan.FromMilliseconds(10), day);
        Check(faults, nameof(options.SessionTimeout), options.SessionTimeout, 2 * options.HeartbeatInterval, day);
        Check(faults, nameof(options.MinSessionTimeout), options.MinSessionTimeout, TimeSpan.FromMilliseconds(10), day);
        Check(faults, nameof(options.MaxSessionTimeout), options.MaxSessionTimeout, options.MinSessionTimeout, day);
        Check(faults, nameof(options.InitialRebalanceDelay), options.InitialRebalanceDelay, TimeSpan.Zero, day);
        Check(faults, nameof(options.NewMemberTimeout), options.NewMemberTimeout, TimeSpan.FromSeconds(1), day);
        Check(faults, nameof(options.MaxClassicGroupBytes), options.MaxClassicGroupBytes, 1024, 800 * 1024);
        Check(faults, nameof(options.MaxRebalanceTimeout), options.MaxRebalanceTimeout, TimeSpan.FromMilliseconds(1), day);
        Check(faults, nameof(options.DefaultRebalanceTimeout), options.DefaultRebalanceTimeout, TimeSpan.FromMilliseconds(1),
            options.MaxRebalanceTimeout);
        Check(faults, nameof(options.OffsetsRetention), options.OffsetsRetention, TimeSpan.FromSeconds(1), 36_500 * day);
        Check(faults, nameof(options.ExpiryCheckInterval), options.ExpiryCheckInterval, TimeSpan.FromSeconds(1), 24 * day);
        Check(faults, nameof(options.MaxSize), options.MaxSize, 1, 100_000);
        Check(faults, nameof(options.MaxOffsetMetadataBytes), options.MaxOffsetMetadataBytes, 0, short.MaxValue);
        Check(faults, nameof(options.MaxOffsets), options.MaxOffsets, 1, 10_000_000);
        Check(faults, nameof(options.MaxSubscribedTopics), options.MaxSubscribedTopics, 1, 100_000);
        Check(faults, nameof(options.MaxPatternLength), options.MaxPatternLength, 1, 10_000);
        Check(faults, nameof(options.MaxGroupIdLength), options.MaxGroupIdLength, 1, 1000);
        Check(faults, nameof(options.MaxNameLength), options.MaxNameLength, 36, 1000);
        Check(faults, nameof(options.MaxOwnedPartitions), options.MaxOwnedPartitions, 1, 1_000_000);
        if (!GroupOptions.IsAssignor(options.DefaultAssignor))
            faults.Add($"{Setting(nameof(options.DefaultAssignor))} is '{options.DefaultAssignor}'; set it to one of {GroupOptions.AssignorNames}.");
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static void Check<T>(List<string> faults, string name, T value, T least, T greatest)
        where T : IComparable<T>
    {
        if (value.CompareTo(least) < 0 || value.CompareTo(greatest) > 0)
            faults.Add(FormattableString.Invariant($"{Setting(name)} is {value}; set it to a value from {least} to {greatest}."));
    }

    private static string Setting(string name) => $"{GroupServices.SectionName}:{name}";
}
