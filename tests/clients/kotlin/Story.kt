// What every client does, in Kotlin. A step prints its name when it has passed.

import com.fasterxml.jackson.annotation.JsonInclude
import com.fasterxml.jackson.databind.DeserializationFeature
import com.fasterxml.jackson.databind.ObjectMapper
import com.fasterxml.jackson.databind.SerializationFeature
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule
import io.ktor.util.reflect.typeInfo
import java.time.LocalDate
import java.util.UUID
import kotlinx.coroutines.runBlocking
import taskward.apis.TasksApi
import taskward.infrastructure.HttpResponse
import taskward.models.*

// Leave out what is null, ignore what is unknown, and write instants as text.
val json: ObjectMapper.() -> Unit = {
    registerModule(JavaTimeModule())
    disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
    disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
    setSerializationInclusion(JsonInclude.Include.NON_NULL)
}

fun connect(token: String) =
    TasksApi(System.getenv("BASE_URL"), jsonBlock = json).apply { setBearerToken(token) }

suspend fun rejected(response: HttpResponse<*>, status: Int, code: ProblemCode): Problem {
    val problem: Problem = response.typedBody(typeInfo<Problem>())
    check(response.status == status && problem.code == code) { problem }
    return problem
}

fun main(): Unit = runBlocking {
    val tasks = connect(System.getenv("TOKEN"))

    val input = TaskInput(
        id = UUID.fromString("0b4ad7ac-8d4b-4f0e-9a0c-2f5b9e9d1f11"),
        title = "one",
        description = "text",
        dueOn = LocalDate.of(2026, 12, 1),
        labels = listOf("errand", "town"),
        priority = TaskPriority.high,
        extra = mapOf("color" to "green"),
    )
    val task = tasks.createTask(input).body()
    check(task.id == input.id && task.title == "one" && task.description == "text") { task }
    check(task.dueOn == input.dueOn && task.labels == input.labels) { task }
    check(task.priority == TaskPriority.high && task.extra["color"] == "green") { task }
    check(!task.completed) { task }
    println("create")

    check(tasks.createTask(input).body() == task)
    val another = tasks.createTask(TaskInput(title = "another", id = task.id))
    check(rejected(another, 409, ProblemCode.task_exists).task?.title == "one")
    println("repeat")

    check(tasks.getTask(task.id).body() == task)
    println("read")

    val version = "\"${task.revision}\""
    val renamed = tasks.updateTask(task.id, TaskPatch(title = "two"), ifMatch = version).body()
    check(renamed.title == "two" && renamed.description == "text") { renamed }
    println("patch without")

    // A data class does not tell null from absent, so a patch cannot clear; a replacement can.
    val cleared = tasks.replaceTask(task.id, TaskReplacement(title = "two", labels = task.labels)).body()
    check(cleared.title == "two" && cleared.description == null) { cleared }
    check(cleared.extra.isEmpty()) { cleared }
    println("patch to null")

    val late = tasks.updateTask(task.id, TaskPatch(title = "late"), ifMatch = version)
    check(rejected(late, 412, ProblemCode.precondition_failed).task?.title == "two")
    println("412")

    val blank = tasks.createTask(TaskInput(title = " "))
    val fault = rejected(blank, 422, ProblemCode.invalid_request).errors!!.first()
    check(fault.pointer == "/title" && fault.detail == "is blank") { fault }
    println("422")

    rejected(connect("none").getTask(task.id), 401, ProblemCode.invalid_token)
    println("401")

    val unknown = UUID.fromString("00000000-0000-4000-8000-000000000000")
    rejected(tasks.getTask(unknown), 404, ProblemCode.task_not_found)
    println("404")

    val other = tasks.createTask(TaskInput(title = "other")).body()
    val update = UpdateOperation(
        UpdateOperation.Op.update, task.id, TaskPatch(description = "new"), cleared.revision)
    val operations = listOf(
        CreateOperation(CreateOperation.Op.create, TaskInput(title = "three")),
        update,
        DeleteOperation(DeleteOperation.Op.delete, other.id),
    )
    val results = tasks.batchTasks(TaskBatch(operations)).body().results
    check(results[0].task?.title == "three" && results[1].task?.description == "new") { results }
    check(results[2].task == null) { results }
    println("batch")

    val restore = RestoreOperation(RestoreOperation.Op.restore, other.id)
    val each = TaskBatch(listOf(restore, update), TaskBatch.Mode.each)
    val (restored, failed) = tasks.batchTasks(each).body().results
    check(restored.status == 200 && restored.task?.title == "other") { restored }
    check(failed.status == 412 && failed.problem?.code == ProblemCode.precondition_failed) { failed }
    check(failed.problem?.task?.description == "new") { failed }
    println("each")

    check(tasks.completeTask(task.id).body().completed)
    println("complete")

    val gone = tasks.createTask(TaskInput(title = "gone")).body()
    check(tasks.deleteTask(gone.id, idempotencyKey = "a key").status == 204)
    check(tasks.deleteTask(gone.id, idempotencyKey = "a key").status == 204)
    rejected(tasks.getTask(gone.id), 404, ProblemCode.task_not_found)
    println("delete")

    check(tasks.restoreTask(gone.id).body().title == "gone")
    println("restore")

    val labelled = tasks.listTasks(label = listOf("errand", "town")).body().items
    check(labelled.map { it.title } == listOf("two")) { labelled }
    println("labels")

    tasks.createTask(TaskInput(title = "four"))
    val titles = mutableListOf<String>()
    var cursor: String? = null
    do {
        val page = tasks.listTasks(limit = 2, cursor = cursor).body()
        titles += page.items.map { it.title }
        cursor = page.nextCursor
    } while (cursor != null)
    check(titles == listOf("four", "gone", "three", "other", "two")) { titles }
    println("pages")
    kotlin.system.exitProcess(0) // the HTTP client's threads would live for a while
}
