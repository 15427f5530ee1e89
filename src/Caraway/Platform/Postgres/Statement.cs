using System.Collections.Concurrent;
using System.Data;
using System.Reflection;
using System.Text.RegularExpressions;
using Dapper;
using Npgsql;
using NpgsqlTypes;

namespace Caraway.Platform.Postgres;

/// <summary>
/// A statement with its values, ready for Dapper. Named parameters (<c>@id</c>) become those of PostgreSQL (<c>$1</c>), once for each text
/// and type of values. Npgsql would parse the text at each execution, which takes a tenth of the time of a long statement.
/// </summary>
internal sealed partial class Statement : SqlMapper.IDynamicParameters
{
    private static readonly ConcurrentDictionary<(string Sql, Type Values), Form> Forms = new();

    private readonly Form form;
    private readonly object values;

    private Statement(Form form, object values) => (this.form, this.values) = (form, values);

    /// <summary>Text in quotes, which stays unchanged, or a parameter.</summary>
    [GeneratedRegex(@"'[^']*'|(?<![@\w])@(?<name>[A-Za-z_]\w*)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Parameter { get; }

    /// <summary>
    /// Makes the command that Dapper runs. Several statements in one text keep their names, because PostgreSQL numbers the parameters of
    /// each statement.
    /// </summary>
    /// <param name="values">An object of a class with a property for each parameter. Null without parameters.</param>
    public static Ready Create(string sql, object? values, CancellationToken cancel)
    {
        if (values is null or SqlMapper.IDynamicParameters || sql.Contains(';', StringComparison.Ordinal))
            return new Ready(CreateCommand(sql, values, cancel), CommitHooks.Find(sql));
        var form = Forms.GetOrAdd((sql, values.GetType()), static key => Form.Create(key.Sql, key.Values));
        return new Ready(CreateCommand(form.Sql, new Statement(form, values), cancel), form.Hook);
    }

    private static CommandDefinition CreateCommand(string sql, object? values, CancellationToken cancel) =>
        new(sql, values, commandType: CommandType.Text, cancellationToken: cancel);

    /// <param name="Hook">What follows the commit. Null when nothing does.</param>
    internal readonly record struct Ready(CommandDefinition Command, Action? Hook);

    void SqlMapper.IDynamicParameters.AddParameters(IDbCommand command, SqlMapper.Identity identity)
    {
        var parameters = ((NpgsqlCommand)command).Parameters;
        foreach (var make in form.Parameters)
            parameters.Add(make(values));
    }

    private sealed record Form(string Sql, Func<object, NpgsqlParameter>[] Parameters, Action? Hook)
    {
        public static Form Create(string sql, Type values)
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
            return new Form(positional, [.. names.Select(name => Maker(values, name))], CommitHooks.Find(sql));
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
            // Text gets its type by name, because the driver cannot derive a type from null.
            var isText = typeof(TValue) == typeof(string);
            var get = property.GetMethod!.CreateDelegate<Func<TValues, TValue>>();
            return values => isText
                ? new NpgsqlParameter<TValue> { TypedValue = get((TValues)values), NpgsqlDbType = NpgsqlDbType.Text }
                : new NpgsqlParameter<TValue> { TypedValue = get((TValues)values) };
        }
    }
}
