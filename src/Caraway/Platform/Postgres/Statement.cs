using System.Collections.Concurrent;
using System.Data;
using System.Reflection;
using System.Text.RegularExpressions;
using Dapper;
using Npgsql;
using NpgsqlTypes;

namespace Caraway.Platform.Postgres;

/// <summary>
/// A statement with its values, ready for Dapper. Named parameters (<c>@id</c>) are PostgreSQL's own (<c>$1</c>) here, found once for each
/// text and type of values; left to itself, Npgsql reads the whole text again at each execution, a tenth of the time of a long one.
/// </summary>
internal sealed partial class Statement : SqlMapper.IDynamicParameters
{
    private static readonly ConcurrentDictionary<(string Sql, Type Values), Form> Forms = new();

    private readonly Form form;
    private readonly object values;

    private Statement(Form form, object values) => (this.form, this.values) = (form, values);

    /// <summary>Text in quotes, which stays, or a parameter.</summary>
    [GeneratedRegex(@"'[^']*'|(?<![@\w])@(?<name>[A-Za-z_]\w*)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Parameter { get; }

    /// <summary>What Dapper is to run. Several statements in one text keep their names: PostgreSQL numbers parameters for each alone.</summary>
    /// <param name="values">An object of a class, with a property for each parameter; null when there is none.</param>
    public static Ready Of(string sql, object? values, CancellationToken cancel)
    {
        if (values is null or SqlMapper.IDynamicParameters || sql.Contains(';', StringComparison.Ordinal))
            return new Ready(new CommandDefinition(sql, values, commandType: CommandType.Text, cancellationToken: cancel), RaisesEvents(sql));
        var form = Forms.GetOrAdd((sql, values.GetType()), static key => Form.Of(key.Sql, key.Values));
        return new Ready(new CommandDefinition(form.Sql, new Statement(form, values), commandType: CommandType.Text, cancellationToken: cancel), form.WritesEvents);
    }

    /// <param name="WritesEvents">Whether it inserts into the event log: no use case can forget to wake the sequencer.</param>
    internal readonly record struct Ready(CommandDefinition Command, bool WritesEvents);

    private static bool RaisesEvents(string sql) => sql.Contains("into platform.events ", StringComparison.Ordinal);

    void SqlMapper.IDynamicParameters.AddParameters(IDbCommand command, SqlMapper.Identity identity)
    {
        var parameters = ((NpgsqlCommand)command).Parameters;
        foreach (var make in form.Parameters)
            parameters.Add(make(values));
    }

    private sealed record Form(string Sql, Func<object, NpgsqlParameter>[] Parameters, bool WritesEvents)
    {
        public static Form Of(string sql, Type values)
        {
            var names = new List<string>();
            var positional = Parameter.Replace(sql, match =>
            {
                if (!match.Groups["name"].Success)
                    return match.Value;
                var name = match.Groups["name"].Value;
                if (!names.Contains(name, StringComparer.Ordinal))
                    names.Add(name);
                return $"${names.IndexOf(name) + 1}";
            });
            return new Form(positional, [.. names.Select(name => Maker(values, name))], RaisesEvents(sql));
        }

        private static Func<object, NpgsqlParameter> Maker(Type values, string name)
        {
            var property = values.GetProperty(name)
                ?? throw new InvalidOperationException($"The statement has a parameter @{name}, and {values.Name} has no such property.");
            return (Func<object, NpgsqlParameter>)Typed.MakeGenericMethod(values, property.PropertyType).Invoke(null, [property])!;
        }

        private static readonly MethodInfo Typed = typeof(Form).GetMethod(nameof(MakerOf), BindingFlags.Static | BindingFlags.NonPublic)!;

        private static Func<object, NpgsqlParameter> MakerOf<TValues, TValue>(PropertyInfo property)
            where TValues : class
        {
            // Text is named as such, for null has no type of its own to tell it by.
            var isText = typeof(TValue) == typeof(string);
            var get = property.GetMethod!.CreateDelegate<Func<TValues, TValue>>();
            return values => isText
                ? new NpgsqlParameter<TValue> { TypedValue = get((TValues)values), NpgsqlDbType = NpgsqlDbType.Text }
                : new NpgsqlParameter<TValue> { TypedValue = get((TValues)values) };
        }
    }
}
