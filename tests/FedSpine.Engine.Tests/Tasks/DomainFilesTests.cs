using FedSpine.Engine.Tasks;

namespace FedSpine.Engine.Tests.Tasks;

public sealed class DomainFilesTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private void Write(string name, params string[] lines) => File.WriteAllLines(Path.Combine(_folder.Path, name), ["text\tlabel", .. lines]);

    [Fact]
    public void Each_file_that_matches_is_a_domain()
    {
        Write("books.train.tsv", "a good book\t1", "a bad book\t0");
        Write("dvd.train.tsv", "a good disc\t1");
        Write("dvd.dev.tsv", "another disc\t1");
        var records = TaskRecords.Read(TaskKind.Classification, Path.Combine(_folder.Path, "*.train.tsv"), Path.Combine(_folder.Path, "*.dev.tsv"));
        Assert.Equal(["books", "books", "dvd"], records.Train.Select(r => r.Domain));
        Assert.Equal(["another disc"], records.Test.Select(r => r.Text));
    }

    [Theory]
    [InlineData("*.test.tsv", "no file matches")]
    [InlineData("*.*.tsv", "one * stands for the domain")]
    [InlineData("nowhere/*.tsv", "no such folder")]
    public void Nothing_to_read_is_one_line(string pattern, string expected)
    {
        string path = Path.Combine(_folder.Path, pattern);
        string message = Assert.Throws<InputException>(() => TaskRecords.ReadTest(TaskKind.Classification, path)).Message;
        Assert.StartsWith(path, message);
        Assert.Contains(expected, message);
    }
}
