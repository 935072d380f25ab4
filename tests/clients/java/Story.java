import com.fasterxml.jackson.core.JsonProcessingException;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import taskward.api.TasksApi;
import taskward.invoker.ApiClient;
import taskward.invoker.ApiException;
import taskward.model.*;

/** What every client does, in Java. A step prints its name when it has passed. */
public final class Story {
    private static final ApiClient CLIENT = new ApiClient();

    interface Request {
        Object send() throws ApiException;
    }

    private static TasksApi connect(String token) {
        ApiClient client = new ApiClient();
        client.updateBaseUri(System.getenv("BASE_URL"));
        client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + token));
        return new TasksApi(client);
    }

    private static void check(boolean holds, Object why) {
        if (!holds) throw new AssertionError(why);
    }

    /** Returns the typed problem of a request that is rejected. */
    private static Problem rejected(Request request, int status, ProblemCode code)
            throws JsonProcessingException {
        try {
            request.send();
        } catch (ApiException error) {
            String body = error.getResponseBody();
            Problem problem = CLIENT.getObjectMapper().readValue(body, Problem.class);
            check(problem.getStatus() == status && problem.getCode() == code, problem);
            return problem;
        }
        throw new AssertionError("there is no " + status);
    }

    private static TaskInput titled(String title) {
        return new TaskInput().title(title);
    }

    public static void main(String[] arguments) throws Exception {
        TasksApi tasks = connect(System.getenv("TOKEN"));

        TaskInput input =
                titled("one")
                        .id(UUID.fromString("0b4ad7ac-8d4b-4f0e-9a0c-2f5b9e9d1f11"))
                        .description("text")
                        .dueOn(LocalDate.of(2026, 12, 1))
                        .labels(List.of("errand", "town"))
                        .priority(TaskPriority.HIGH)
                        .extra(Map.of("color", "green"));
        Task task = tasks.createTask(input, null);
        check(task.getId().equals(input.getId()) && task.getTitle().equals("one"), task);
        check(task.getDescription().equals("text") && !task.getCompleted(), task);
        check(task.getDueOn().equals(input.getDueOn()), task);
        check(task.getLabels().equals(input.getLabels()), task);
        check(task.getPriority() == TaskPriority.HIGH, task);
        check(task.getExtra().get("color").equals("green"), task);
        System.out.println("create");

        check(tasks.createTask(input, null).equals(task), task);
        TaskInput another = titled("another").id(task.getId());
        Problem exists =
                rejected(() -> tasks.createTask(another, null), 409, ProblemCode.TASK_EXISTS);
        check(exists.getTask().getTitle().equals("one"), exists);
        System.out.println("repeat");

        check(tasks.getTask(task.getId(), null).equals(task), task);
        System.out.println("read");

        String version = "\"" + task.getRevision() + "\"";
        Task renamed = tasks.updateTask(task.getId(), new TaskPatch().title("two"), version, null);
        check(renamed.getTitle().equals("two") && renamed.getDescription().equals("text"), renamed);
        System.out.println("patch without");

        TaskPatch clear =
                new TaskPatch().description(null).extra(Collections.singletonMap("color", null));
        Task cleared = tasks.updateTask(task.getId(), clear, null, null);
        check(cleared.getTitle().equals("two") && cleared.getDescription() == null, cleared);
        check(cleared.getExtra().isEmpty(), cleared);
        System.out.println("patch to null");

        TaskPatch late = new TaskPatch().title("late");
        Problem changed =
                rejected(
                        () -> tasks.updateTask(task.getId(), late, version, null),
                        412,
                        ProblemCode.PRECONDITION_FAILED);
        check(changed.getTask().getTitle().equals("two"), changed);
        System.out.println("412");

        Problem invalid =
                rejected(() -> tasks.createTask(titled(" "), null), 422, ProblemCode.INVALID_REQUEST);
        Fault fault = invalid.getErrors().get(0);
        check(fault.getPointer().equals("/title"), fault);
        check(fault.getDetail().equals("is blank"), fault);
        System.out.println("422");

        rejected(() -> connect("none").getTask(task.getId(), null), 401, ProblemCode.INVALID_TOKEN);
        System.out.println("401");

        UUID unknown = UUID.fromString("00000000-0000-4000-8000-000000000000");
        rejected(() -> tasks.getTask(unknown, null), 404, ProblemCode.TASK_NOT_FOUND);
        System.out.println("404");

        Task other = tasks.createTask(titled("other"), null);
        UpdateOperation update =
                new UpdateOperation()
                        .op(UpdateOperation.OpEnum.UPDATE)
                        .id(task.getId())
                        .patch(new TaskPatch().description("new"))
                        .revision(cleared.getRevision());
        TaskBatch batch =
                new TaskBatch()
                        .addOperationsItem(
                                new BatchOperation(
                                        new CreateOperation()
                                                .op(CreateOperation.OpEnum.CREATE)
                                                .task(titled("three"))))
                        .addOperationsItem(new BatchOperation(update))
                        .addOperationsItem(
                                new BatchOperation(
                                        new DeleteOperation()
                                                .op(DeleteOperation.OpEnum.DELETE)
                                                .id(other.getId())));
        List<OperationResult> results = tasks.batchTasks(batch, null).getResults();
        check(results.get(0).getTask().getTitle().equals("three"), results);
        check(results.get(1).getTask().getDescription().equals("new"), results);
        check(results.get(2).getTask() == null, results);
        System.out.println("batch");

        TaskBatch tolerant =
                new TaskBatch()
                        .mode(TaskBatch.ModeEnum.EACH)
                        .addOperationsItem(
                                new BatchOperation(
                                        new RestoreOperation()
                                                .op(RestoreOperation.OpEnum.RESTORE)
                                                .id(other.getId())))
                        .addOperationsItem(new BatchOperation(update));
        results = tasks.batchTasks(tolerant, null).getResults();
        check(results.get(0).getStatus() == 200, results);
        check(results.get(0).getTask().getTitle().equals("other"), results);
        Problem failed = results.get(1).getProblem();
        check(results.get(1).getStatus() == 412, results);
        check(failed.getCode() == ProblemCode.PRECONDITION_FAILED, failed);
        check(failed.getTask().getDescription().equals("new"), failed);
        System.out.println("each");

        check(tasks.completeTask(task.getId(), null, null, null).getCompleted(), "not completed");
        System.out.println("complete");

        Task gone = tasks.createTask(titled("gone"), null);
        tasks.deleteTask(gone.getId(), null, "a key");
        tasks.deleteTask(gone.getId(), null, "a key");
        rejected(() -> tasks.getTask(gone.getId(), null), 404, ProblemCode.TASK_NOT_FOUND);
        System.out.println("delete");

        check(tasks.restoreTask(gone.getId(), null, null).getTitle().equals("gone"), gone);
        System.out.println("restore");

        List<String> labels = List.of("errand", "town");
        List<Task> labelled =
                tasks.listTasks(null, labels, null, null, null, null, null, null, null).getItems();
        check(labelled.size() == 1 && labelled.get(0).getTitle().equals("two"), labelled);
        System.out.println("labels");

        tasks.createTask(titled("four"), null);
        List<String> titles = new ArrayList<>();
        String cursor = null;
        do {
            TaskPage page = tasks.listTasks(null, null, null, null, null, null, 2, cursor, null);
            page.getItems().forEach(each -> titles.add(each.getTitle()));
            cursor = page.getNextCursor();
        } while (cursor != null);
        check(titles.equals(List.of("four", "gone", "three", "other", "two")), titles);
        System.out.println("pages");
    }
}
