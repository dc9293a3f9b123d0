using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Options;
using Npgsql;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;

namespace OrleansLog.Grains.Options;

/// <summary>Checks the options when the silo starts: every fault at once, each with the setting, its value and the fix.</summary>
internal sealed class OrleansLogOptionsValidator : IValidateOptions<OrleansLogOptions>
{
    // One of its two files takes the largest round there is.
    private const int MinJournalBytes = 8 * 1024 * 1024;

    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, OrleansLogOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var faults = new List<string>();
        if (string.IsNullOrWhiteSpace(options.DataDirectory))
            faults.Add(Setting(nameof(options.DataDirectory)) + " is empty; set it to a folder for the data, such as ./data.");
        if (options.NodeId is < 0) faults.Add(Range(nameof(options.NodeId), options.NodeId, "0", "2147483647"));
        if (options.ClusterId is not null && string.IsNullOrWhiteSpace(options.ClusterId))
            faults.Add(Setting(nameof(options.ClusterId)) + " is empty; leave it out or give the cluster's id.");
        if (string.IsNullOrWhiteSpace(options.AdvertisedHost))
            faults.Add(Setting(nameof(options.AdvertisedHost)) + " is empty; set it to the name clients reach this node by.");

        Check(faults, nameof(options.MaxPartitionsPerTopic), options.MaxPartitionsPerTopic, 1, 1_000_000);
        Check(faults, nameof(options.DefaultPartitions), options.DefaultPartitions, 1, options.MaxPartitionsPerTopic);
        Check(faults, nameof(options.DefaultReplicationFactor), options.DefaultReplicationFactor, 1, short.MaxValue);
        Check(faults, nameof(options.OffsetsTopicPartitions), options.OffsetsTopicPartitions, 1, options.MaxPartitionsPerTopic);
        Check(faults, nameof(options.OffsetsTopicReplicationFactor), options.OffsetsTopicReplicationFactor, 0, short.MaxValue);
        Check(faults, nameof(options.MaxTopics), options.MaxTopics, 1, 1_000_000);
        Check(faults, nameof(options.MaxGroups), options.MaxGroups, 1, 10_000_000);
        Check(faults, nameof(options.MaxFetchBytes), options.MaxFetchBytes, 1024, 1024 * 1024 * 1024);
        if (options.CommitJournalBytes != 0)
            Check(faults, nameof(options.CommitJournalBytes), options.CommitJournalBytes, MinJournalBytes, 1024 * 1024 * 1024, " or 0");
        Check(faults, nameof(options.MaxInFlightProduceBytes), options.MaxInFlightProduceBytes, 1024 * 1024, 1L << 40);
        Check(faults, nameof(options.MaxIdlePartitionsPerCheck), options.MaxIdlePartitionsPerCheck, 1, 1_000_000);
        Check(faults, nameof(options.MaxFetchWait), options.MaxFetchWait, TimeSpan.Zero, TimeSpan.FromMinutes(10));
        Check(faults, nameof(options.RetentionCheckInterval), options.RetentionCheckInterval, TimeSpan.FromMilliseconds(100),
            TimeSpan.FromDays(24));
        Check(faults, nameof(options.ReplicaLagTimeMax), options.ReplicaLagTimeMax, TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1));
        Check(faults, nameof(options.MaxCatchUpBytesPerSecond), options.MaxCatchUpBytesPerSecond, 0, 1L << 40);
        Check(faults, nameof(options.ScrubInterval), options.ScrubInterval, TimeSpan.Zero, TimeSpan.FromDays(24));
        Check(faults, nameof(options.MaxScrubBytesPerSecond), options.MaxScrubBytesPerSecond, 64 * 1024, 1L << 40);
        Check(faults, nameof(options.MaxReassignmentBytesPerSecond), options.MaxReassignmentBytesPerSecond, 0, 1L << 40);
        Check(faults, nameof(options.LeaderRebalanceInterval), options.LeaderRebalanceInterval, TimeSpan.Zero, TimeSpan.FromDays(24));
        CheckTopicDefaults(faults, options);
        CheckMetadata(faults, options.Metadata);
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static void CheckTopicDefaults(List<string> faults, OrleansLogOptions options)
    {
        try
        {
            LogConfig.Parse(options.TopicDefaults);
        }
        catch (OrleansLogException e)
        {
            faults.Add($"{Setting(nameof(options.TopicDefaults))}: {e.Message}");
        }
    }

    private static void CheckMetadata(List<string> faults, MetadataStoreOptions metadata)
    {
        var setting = Setting(nameof(OrleansLogOptions.Metadata) + ":");
        if (metadata.Provider is { } provider && !Enum.IsDefined(provider))
        {
            faults.Add($"{setting}{nameof(metadata.Provider)} is {metadata.Provider}; it must be one of "
                + string.Join(", ", Enum.GetNames<MetadataStoreProvider>()) + ".");
            return;
        }

        if (metadata.StartTimeout < TimeSpan.Zero || metadata.StartTimeout > TimeSpan.FromDays(1))
        {
            faults.Add(FormattableString.Invariant(
                $"{setting}{nameof(metadata.StartTimeout)} is {metadata.StartTimeout}; set it to a value from 00:00:00 to 1.00:00:00."));
        }

        var isPostgres = metadata.EffectiveProvider == MetadataStoreProvider.PostgreSql;
        if (isPostgres && metadata.ConnectionString is null)
        {
            faults.Add($"{setting}{nameof(metadata.ConnectionString)} is missing; give the database as "
                + "'Host=<host>;Username=<user>;Password=<password>;Database=<database>'.");
        }

        if (metadata.ConnectionString is null) return;
        try
        {
            if (isPostgres) CheckPostgres(faults, setting, metadata.ConnectionString);
            else CheckSqlite(faults, setting, metadata.ConnectionString);
        }
        catch (ArgumentException e)
        {
            faults.Add($"{setting}{nameof(metadata.ConnectionString)} is no connection string of "
                + $"{(isPostgres ? "PostgreSQL" : "SQLite")}: {e.Message}");
        }
    }

    private static void CheckPostgres(List<string> faults, string setting, string connectionString)
    {
        if (string.IsNullOrWhiteSpace(new NpgsqlConnectionStringBuilder(connectionString).Host))
            faults.Add($"{setting}{nameof(MetadataStoreOptions.ConnectionString)} names no host; give it one as 'Host=<host>'.");
    }

    private static void CheckSqlite(List<string> faults, string setting, string connectionString)
    {
        if (new SqliteConnectionStringBuilder(connectionString).DataSource is "" or ":memory:")
        {
            faults.Add($"{setting}{nameof(MetadataStoreOptions.ConnectionString)} names no file; give it one as "
                + "'Data Source=<file>', or leave it out for metadata.db in the data directory.");
        }
    }

    private static void Check<T>(List<string> faults, string name, T value, T least, T greatest, string orElse = "")
        where T : IComparable<T>
    {
        if (value.CompareTo(least) < 0 || value.CompareTo(greatest) > 0) faults.Add(Range(name, value, least, greatest, orElse));
    }

    private static string Range(string name, object? value, object? least, object? greatest, string orElse = "") =>
        FormattableString.Invariant($"{Setting(name)} is {value}; set it to a value from {least} to {greatest}{orElse}.");

    private static string Setting(string name) => $"{OrleansLogOptions.SectionName}:{name}";
}
